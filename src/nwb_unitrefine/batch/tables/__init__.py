"""Tables of a study: a row for each unit, session and problem, and the page that counts them."""
