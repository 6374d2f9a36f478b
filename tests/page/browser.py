"""Headless Chromium from the distribution, driven over its own driver."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
PATIENCE = 30.0  # seconds, on a busy machine


def find(*names: str) -> str | None:
    """The first of these programs that is installed."""
    return next((path for name in names if (path := shutil.which(name))), None)


CHROMIUM = find("chromium", "chromium-browser", "google-chrome")
DRIVER = find("chromedriver", "chromium.chromedriver")


class Browser:
    """One window. Scripts and keys go to the page that is open."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))

    def close(self) -> None:
        self.driver.quit()

    def look(self, *, width: int = 1280, dark: bool = False) -> None:
        """The window's width and the system's colour scheme."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.command("Emulation.setEmulatedMedia", features=[scheme, still])

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def open(self, page: Path, fragment: str = "") -> None:
        """Open the file from the disk and wait until its items are read."""
        self.driver.get("about:blank")
        self.messages(), self.requests()  # of what was open before
        self.driver.get(page.resolve().as_uri() + fragment)
        self.until("return document.documentElement.dataset.ready === 'true'")

    def visit(self, address: str) -> None:
        """Open what a server of this machine shows."""
        self.driver.get("about:blank")
        self.messages(), self.requests()
        self.driver.get(address)
        self.until("return document.documentElement.dataset.ready === 'true'")

    def faults(self, checker: Path) -> list[str]:
        """What axe-core, the accessibility checker, finds wrong with the page as it is."""
        self.run(checker.read_text("utf-8") + "; window.axe = axe")
        found: list[str] = self.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run(document, {resultTypes: ['violations']}).then((all) =>"
            " done(all.violations.flatMap((one) => one.nodes.map((node) =>"
            " `${one.id}: ${node.target.join(' ')} ${node.failureSummary}`))))"
        )
        return found

    def go(self, fragment: str) -> None:
        """Another address of the same page."""
        self.run("location.hash = arguments[0]", fragment)
        self.settle()

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str, *arguments: Any) -> Any:
        """Wait for a script to return something true, and give that."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < deadline, f"never came true: {script}"
            time.sleep(0.02)
        return found

    def settle(self) -> None:
        """Wait until the gallery shows what the address says."""
        self.until("return document.getElementById('cards').dataset.shown === location.hash")

    def press(self, key: str) -> None:
        """A key on what has the focus: a character, or a name of selenium's `Keys`."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.driver).send_keys(getattr(Keys, key, key)).perform()
        self.settle()

    def choose(self, name: str, value: str) -> None:
        """Choose a value in one of the gallery's lists, as a person would."""
        taken = self.run(
            "const list = document.forms.filters.elements[arguments[0]]; list.value = arguments[1];"
            "list.dispatchEvent(new Event('change', {bubbles: true})); return list.value",
            name, value,
        )  # fmt: skip
        assert taken == value, f"{name} has no {value!r}"
        self.settle()

    def texts(self, selector: str) -> list[str]:
        """What stands in the elements, as it is seen."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)",
            selector,
        )
        return found

    def text(self, selector: str) -> str:
        (found,) = self.texts(selector)
        return found

    def count(self) -> int:
        """How many items the gallery says are left."""
        said = self.text("#found").split(" of ")[0].split("\n")[0]
        return 0 if said.startswith("None") else int(said.replace(",", ""))

    def items(self) -> list[str]:
        """The items of the cards that are shown."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll('.card')].map((card) => card.dataset.item)"
        )
        return found

    def messages(self) -> list[str]:
        """What the console has said since this was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that the page has asked for since this was last asked."""
        events = [
            json.loads(one["message"])["message"] for one in self.driver.get_log("performance")
        ]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]


Opened = Callable[[], Browser]
