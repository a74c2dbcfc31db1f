"""Helpers of the tests of pages: a parser, toy runs, headless Chromium."""

import base64
import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vae import Run
from keras_vae._utils import keras_import

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed")


class Page(HTMLParser):
    """The addresses, the pictures and the explorer's data of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.sources, self.pictures, self.without_text, self._inside = [], [], [], ""
        self.data = None
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.sources += [attributes[key] for key in ("src", "href", "poster", "srcset", "action") if key in attributes]
        if tag in ("img", "video", "svg", "canvas"):
            text = attributes.get("alt") or attributes.get("aria-label") or attributes.get("aria-hidden")
            self.pictures.append(tag)
            self.without_text += [] if text else [(tag, attributes)]
        self._inside = attributes.get("id", "") if tag == "script" else ""

    def handle_data(self, data):
        if self._inside == "explorer-data":
            self.data = json.loads(data)


def copy(run: Run, folder: Path) -> Run:
    return Run(shutil.copytree(run.path, folder))


def load(run: Run):
    return keras_import.import_keras().models.load_model(run.model_path)


def trained(npz, folder, architecture="64-16-2", **options) -> Run:
    from keras_vae import Config, train

    return train(Config(architecture, dataset=str(npz), epochs=1, batch_size=40, **options), folder, quiet=True)


def read_picture(source: str) -> np.ndarray:
    """The pixels of a data URI, `(height, width, 3)`."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGB"))


def open_page(browser, path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(path.as_uri())
    WebDriverWait(browser, 20).until(lambda b: b.execute_script("return Boolean(window.explorer)"))


def check_silence(browser, path: Path) -> None:
    """No message in the console, no request but that of the page."""
    assert browser.get_log("browser") == []
    requested = set()
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        # Chromium's own new tab requests chrome:// pages.
        if message["method"] == "Network.requestWillBeSent" and "chrome" not in message["params"]["documentURL"][:6]:
            requested.add(message["params"]["request"]["url"])
    assert path.as_uri() in requested  # the log records requests
    assert all(url == path.as_uri() or url.startswith(("data:", "blob:")) for url in requested), requested
