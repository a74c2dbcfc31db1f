"""Helpers of the tests of pages: a parser, toy runs, headless Chromium."""

import base64
import io
import json
import shutil
import struct
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


def mp4(size: int) -> bytes:
    """The boxes of an MP4 of so many bytes, without frames."""
    boxes = ((b"ftyp", 16), (b"moov", 16), (b"mdat", size - 32))
    return b"".join(struct.pack(">I", length) + name + bytes(length - 8) for name, length in boxes)


# What a failed wait reports beside its condition.
STATE = """
const text = (id) => document.getElementById(id)?.textContent;
const e = window.explorer;
return e ? {z: [...e.z].slice(0, 8), axes: e.axes, hovered: e.hovered, selected: e.selected, frame: e.frame,
  path: e.path && e.path.drawn, dirty: [...e.dirty], pointer: window.lastPointer, near: text("near-text"),
  strip: text("strip-text"), epoch: text("epoch-text"), announcement: text("announcement")} : document.title;
"""
IS_DRAWN = "explorer.dirty.size === 0"  # no part of the page waits for an animation frame
TIMEOUT_SECONDS = 60


def wait_for(browser, condition: str, *arguments):
    """Waits until a JavaScript expression holds, and returns its value; `arguments[0]` … are the arguments.

    The page handles input and draws in animation frames of its own, which are late on a busy machine: what a test
    reads right after an action may be older than the action.
    """
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(browser, TIMEOUT_SECONDS, poll_frequency=0.03)
    try:
        return wait.until(lambda b: b.execute_script(f"return {condition}", *arguments))
    except TimeoutException:
        state = browser.execute_script(STATE)
    raise AssertionError(f"after {TIMEOUT_SECONDS} s not {condition} with {arguments}; the page: {state}")


def wait_for_text(browser, identifier: str, start: str) -> str:
    """Waits until the text of an element starts as given, and returns it."""
    wait_for(browser, "document.getElementById(arguments[0]).textContent.startsWith(arguments[1])", identifier, start)
    return browser.execute_script("return document.getElementById(arguments[0]).textContent", identifier)


def open_page(browser, path: Path) -> None:
    """Opens a run's page and waits until the explorer is drawn; `lastPointer` then holds the last pointer event."""
    browser.get(path.as_uri())
    wait_for(browser, f"Boolean(window.explorer) && {IS_DRAWN}")
    browser.execute_script(
        "for (const type of ['pointermove', 'pointerdown', 'pointerup'])"
        "  explorer.front.addEventListener(type, (e) => {"
        "    window.lastPointer = {type, x: e.clientX, y: e.clientY};"
        "  });"
    )


def pixels(browser, canvas: str) -> np.ndarray:
    """The red channel of a canvas."""
    found = browser.execute_script(
        "const canvas = document.querySelector(arguments[0]);"
        "const copy = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height});"
        "const context = copy.getContext('2d', {willReadFrequently: true});"
        "context.drawImage(canvas, 0, 0);"
        "return [copy.height, copy.width, [...context.getImageData(0, 0, copy.width, copy.height).data]];",
        canvas,
    )
    return np.array(found[2]).reshape(*found[:2], 4)[..., 0]


CENTER = """
const [element, done] = arguments;
let [last, still] = [null, 0];
const step = () => {
  element.scrollIntoView({block: "center"});
  const {left, top} = element.getBoundingClientRect(), now = `${left} ${top}`;
  still = now === last ? still + 1 : 0;
  last = now;
  if (still === 10) done();
  else requestAnimationFrame(step);
};
step();
"""


def center(browser, selector: str) -> None:
    """Scrolls an element to the middle of the window, and returns when it rests there.

    A swipe goes on scrolling after the finger has left, so the position read right after one is not the position that
    the next touch meets. At rest: in the same place for ten animation frames.
    """
    browser.set_script_timeout(TIMEOUT_SECONDS)
    browser.execute_async_script(CENTER, browser.find_element("css selector", selector))


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
