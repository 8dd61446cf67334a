// The server of a review: one act after the other, and what to do where it refuses or is gone.

const reviewServer = (() => {
  let busy = Promise.resolve();
  let tell = () => {};

  async function ask(path, body) {
    const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("The server does not answer: this was not saved. Start the review again; earlier answers are kept.");
    }
    const found = await response.json().catch(() => ({ error: "The server refused: open the address that it printed." }));
    if (!response.ok) throw new Error(found.error || `The server answered ${response.status}.`);
    return found;
  }

  // Each act is on the unit that the one before led to, however quickly keys are pressed.
  function inTurn(act) {
    busy = busy.then(act).catch((error) => tell(error.message, true));
    return busy;
  }

  return { ask, inTurn, onRefusal: (listener) => { tell = listener; } };
})();
