"""A session as one self-contained page: what the labels of a file are, and why."""

from nwb_unitrefine.report.answers import answer_rounds, score_answers
from nwb_unitrefine.report.build import ReportRow, write_overview, write_page
from nwb_unitrefine.report.html import render_page, review_page
from nwb_unitrefine.report.session_data import session_data, with_history

__all__ = [
    "ReportRow",
    "answer_rounds",
    "render_page",
    "review_page",
    "score_answers",
    "session_data",
    "with_history",
    "write_overview",
    "write_page",
]
