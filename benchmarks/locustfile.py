"""Users who log in, look at the landing page and open a dataset, as locust plays them.

The requests are those that a browser makes on these pages, in their order; the static files are in
the browser's cache. locust gives each user a cookie jar and keeps the connections open.
"""

from __future__ import annotations

import os
import re

from locust import HttpUser, between, task

ADA = {"username": os.environ["BENCHMARK_USER"], "password": os.environ["BENCHMARK_PASSWORD"]}
LANDING = (
    "/webgateway/getImgRDef/",
    "/webgateway/open_with/",
    "/webadmin/myphoto/",
    "/webclient/api/experimenters/2/?page=1&group=3",
    "/webclient/activities/",
    "/webclient/api/containers/?id=2&experimenter_id=2&page=0&group=3",
)
DATASET = (
    "/webclient/api/datasets/?id=1&page=0&group=3",
    "/webclient/api/images/?id=2&page=1&sizeXYZ=true&date=true&group=3",
    "/webclient/metadata_details/dataset/2/",
    "/webclient/get_thumbnails/?id=4&id=5&id=6",
    "/webclient/metadata_details/image/4/",
)


class Visitor(HttpUser):  # type: ignore[misc]  # locust is not in the tests' environment
    """Somebody who logs in once and then browses, with a pause between pages."""

    wait_time = between(1, 5)  # seconds

    def on_start(self) -> None:
        """Log in with the token of the login page."""
        login = "/webclient/login/"
        page = self.client.get(login)
        token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {**ADA, "server": "1", "csrfmiddlewaretoken": token[1] if token else ""}
        headers = {"Referer": f"{self.host}{login}"}
        with self.client.post(login, form, headers=headers, catch_response=True) as answer:
            if "/login/" in answer.url:
                answer.failure("not logged in")

    @task(1)
    def land(self) -> None:
        """Open the landing page."""
        with self.client.get("/webclient/", catch_response=True) as answer:
            if "/login/" in answer.url:
                answer.failure("logged out")
        self._ask(LANDING)

    @task(2)
    def open_dataset(self) -> None:
        """Open a dataset of the tree, with its thumbnails and the right-hand panel."""
        self._ask(DATASET)

    def _ask(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            with self.client.get(path, name=path.partition("?")[0], catch_response=True) as answer:
                if answer.status_code == 200 and "/login/" in answer.url:
                    answer.failure("logged out")
