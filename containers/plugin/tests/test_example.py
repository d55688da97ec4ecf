"""Tests of the app on a running site, as a user's browser meets the app."""

import os
import re
import unittest

import requests

SITE = os.environ["SITE"]
LOGIN = f"{SITE}/webclient/login/"


def logged_in() -> requests.Session:
    """Log a user in, by the form that the browser sends."""
    session = requests.Session()
    page = session.get(LOGIN, timeout=30)
    token = re.search(r"csrfmiddlewaretoken[\"'] value=[\"']([^\"']+)", page.text)
    assert token, page.text
    form = {
        "username": os.environ["OMERO_USER"],
        "password": os.environ["OMERO_PASSWORD"],
        "server": "1",
        "csrfmiddlewaretoken": token[1],
    }
    answer = session.post(LOGIN, form, headers={"Referer": LOGIN}, timeout=30)
    assert "/webclient/login/" not in answer.url, "the login failed"
    return session


class ExampleTest(unittest.TestCase):
    """The app's page."""

    def test_a_user_sees_the_names_of_projects(self) -> None:
        page = logged_in().get(f"{SITE}/omero_example/", timeout=30)
        assert page.status_code == 200
        assert "Projects of Demo User" in page.text
        assert re.search(r"<li>[^<]+</li>", page.text)

    def test_a_visitor_is_sent_to_the_login_page(self) -> None:
        page = requests.get(f"{SITE}/omero_example/", timeout=30)
        assert "/webclient/login/" in page.url

    def test_the_style_sheet_is_served(self) -> None:
        page = logged_in().get(f"{SITE}/omero_example/", timeout=30)
        (path,) = re.findall(r'href="(/static/omero_example/[^"]+)"', page.text)
        assert requests.get(f"{SITE}{path}", timeout=30).status_code == 200
