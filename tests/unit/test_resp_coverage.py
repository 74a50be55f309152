"""docs/resp.md says what the command table says."""

from pathlib import Path

from hyperdb.frontends.resp import coverage


def test_the_coverage_page_is_up_to_date() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "resp.md").read_text("utf-8")
    assert page == coverage.merged(page), "run: python -m hyperdb.frontends.resp.coverage docs/resp.md"
