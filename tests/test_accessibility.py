"""Accessibility of site and pages: rules of axe-core in headless Chromium, light and dark, wide and on a phone."""

import json
from pathlib import Path

import pytest
from pages import copy, needs_browser
from test_study_page import STUDY

from keras_vae.plots import run_figures
from keras_vae.report import index_page, run_page, study_page

SITE = Path(__file__).parents[1] / "docs" / "_build" / "html"  # of `make docs`
VIEWS = {"light": (1366, 768), "dark": (1366, 768), "phone": (390, 844)}
# Levels A and AA of the WCAG 2.1, and good practice of headings, landmarks and regions.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}

pytestmark = [pytest.mark.slow, needs_browser]


def violations(browser, page: Path, view: str) -> list[str]:
    selenium = pytest.importorskip("axe_core_python.selenium", reason="axe-core is missing: pip install '.[dev]'")
    width, height = VIEWS[view]
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": view == "phone"}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if view == "dark" else "light"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    browser.set_script_timeout(120)
    try:
        browser.get(page.as_uri())
        found = selenium.Axe().run(browser, options=RULES)["violations"]
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return [f"{one['id']}: {node['html'][:200]}: {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.fixture(scope="module")
def written(audited_run, tmp_path_factory) -> dict[str, Path]:
    """Pages of a run with all its figures, of a study, and of the folder that holds them."""
    folder = tmp_path_factory.mktemp("pages")
    run = copy(audited_run, folder / "run")
    run_figures.draw(run, quiet=True)
    (folder / "study").mkdir()
    (folder / "study" / "study.json").write_text(json.dumps(STUDY), encoding="utf-8")
    pages = {"run": run_page.write(run), "study": study_page.write(folder / "study")}
    found = index_page.find([folder])
    return pages | {"index": index_page.write(found.folder, found.runs, found.studies)}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["run", "study", "index"])
def test_pages_have_no_violations(browser, written, name, view):
    assert not violations(browser, written[name], view)


@pytest.mark.skipif(not SITE.exists(), reason="the site is not built: make docs")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["index", "measures/aggregate-posterior", "results/soap-bubble", "api/models"])
def test_the_site_has_no_violations(browser, name, view):
    assert not violations(browser, SITE / "docs" / f"{name}.html", view)


def test_a_violation_is_found(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<title>A</title><main><h1>A</h1><p style='color: #aaa'>grey</p></main>", encoding="utf-8")
    found = violations(browser, page, "light")
    assert {line.split(":")[0] for line in found} == {"color-contrast", "html-has-lang"}
