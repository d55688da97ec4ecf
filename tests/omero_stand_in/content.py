"""What the stand-in has: users with their groups, projects, datasets, images and files."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.omero_stand_in.entity import BASE_CLASS, NO_ID, Entity, Permissions, Quantity

# As every OMERO.server has them: omero.sys.Roles.
ROOT = SYSTEM_GROUP = 0
GUEST = USER_GROUP = 1
GUEST_GROUP = 2
PERMISSIONS = "rwr---"  # the members of a group read each other's data


@dataclass(frozen=True)
class Account:
    """A user who may log in. groups: the first is the default one."""

    name: str
    password: str
    groups: tuple[str, ...]
    full_name: str

    @classmethod
    def parse(cls, text: str) -> Account:
        """Read NAME:PASSWORD[:GROUP[,GROUP]…[:FULL NAME]]. Raises ValueError."""
        name, password, groups, full_name = [*text.split(":", 3), "", "", ""][:4]
        if not name or not password:
            raise ValueError("must be NAME:PASSWORD, with :GROUP and :FULL NAME if you like")
        return cls(name, password, tuple((groups or "lab").split(",")), full_name or name.title())


@dataclass(frozen=True)
class Sizes:
    """How much each user has. file: bytes of each original file. image: pixels each way."""

    projects: int = 2
    datasets: int = 2
    images: int = 3
    file: int = 1_000_000
    image: int = 256


class Content:
    """The tables."""

    def __init__(self, accounts: Sequence[Account], sizes: Sizes) -> None:
        self.sizes = sizes
        self.passwords: dict[str, str] = {}
        self._rows: dict[str, list[Entity]] = {}
        self._ids: dict[str, Iterator[int]] = {}
        self._now = time.time()
        self._add_users(accounts)
        for user in self.rows("Experimenter"):
            if user.id > GUEST:
                self._add_data(user)

    def rows(self, kind: str) -> list[Entity]:
        """All objects of a class."""
        found = [rows for name, rows in self._rows.items() if kind in (name, BASE_CLASS.get(name))]
        return [each for rows in found for each in rows]

    def user(self, name: str) -> Entity | None:
        """The user with that login name."""
        return next((each for each in self.rows("Experimenter") if each.omeName == name), None)

    def groups(self, user: Entity) -> list[Entity]:
        """The groups of a user, the default one first."""
        return [each.parent for each in user.groupExperimenterMap]

    def visible(self, user: Entity, kind: str, group: int) -> list[Entity]:
        """What a user may read; -1: in all groups."""
        mine = {each.id for each in self.groups(user)}
        return [each for each in self.rows(kind) if _readable(each, user, mine, group)]

    def add(self, kind: str, owner: Entity | None = None, **attributes: object) -> Entity:
        """A new object; with an owner it is theirs, in their default group."""
        number = next(self._ids.setdefault(BASE_CLASS.get(kind, kind), itertools.count(1)))
        entity = Entity(kind, number, **attributes)
        entity.details = self.details(owner) if owner else self.details(self._root)
        self._rows.setdefault(kind, []).append(entity)
        return entity

    def details(self, owner: Entity) -> Entity:
        """Who and when."""
        event = Entity("Event", 1, time=self._now)
        group = self.groups(owner)[0]
        return Entity(
            "Details",
            NO_ID,
            owner=owner,
            group=group,
            permissions=group.details.permissions,
            creationEvent=event,
            updateEvent=event,
        )

    def link(
        self, kind: str, parent: Entity, child: Entity, of_parent: str, of_child: str = ""
    ) -> Entity:
        """Put one object into another. of_parent, of_child: their collections of links."""
        link = self.add(kind, parent.details.owner, parent=parent, child=child)
        for entity, collection in ((parent, of_parent), (child, of_child)):
            if collection:
                entity.__dict__.setdefault(collection, []).append(link)
        return link

    def _add_users(self, accounts: Sequence[Account]) -> None:
        self._rows = {"Experimenter": [], "ExperimenterGroup": [], "GroupExperimenterMap": []}
        self._add_group("system", SYSTEM_GROUP, "rw----")
        self._add_group("user", USER_GROUP, "rwr-r-")
        self._add_group("guest", GUEST_GROUP, "rw----")
        names = dict.fromkeys(name for each in accounts for name in each.groups)
        for number, name in enumerate(names, GUEST_GROUP + 1):
            self._add_group(name, number, PERMISSIONS)
        self._root = self._add_user("root", ROOT, ("system", "user"), "Root Root")
        self._add_user("guest", GUEST, ("guest",), "Guest Account")
        self.passwords["guest"] = "guest"
        for number, each in enumerate(accounts, GUEST + 1):
            self._add_user(each.name, number, (*each.groups, "user"), each.full_name)
            self.passwords[each.name] = each.password

    def _add_group(self, name: str, id: int, permissions: str) -> None:
        group = Entity("ExperimenterGroup", id, name=name, ldap=False, groupExperimenterMap=[])
        group.details = Entity("Details", NO_ID, permissions=Permissions(permissions))
        self._rows["ExperimenterGroup"].append(group)

    def _add_user(self, name: str, id: int, groups: Sequence[str], full_name: str) -> Entity:
        first, _, last = full_name.partition(" ")
        user = Entity("Experimenter", id, omeName=name, firstName=first, lastName=last, ldap=False)
        user.email = f"{name}@example.org"
        user.groupExperimenterMap = []
        user.details = Entity("Details", NO_ID, permissions=Permissions("rwr-r-"))
        self._rows["Experimenter"].append(user)
        for group in self._rows["ExperimenterGroup"]:
            if group.name in groups:
                number = len(self._rows["GroupExperimenterMap"])
                link = Entity("GroupExperimenterMap", number, parent=group, child=user, owner=False)
                link.details = user.details
                self._rows["GroupExperimenterMap"].append(link)
                group.groupExperimenterMap.append(link)
                user.groupExperimenterMap.append(link)
        user.groupExperimenterMap.sort(key=lambda each: groups.index(each.parent.name))
        return user

    def _add_data(self, user: Entity) -> None:
        for one in range(self.sizes.projects):
            project = self.add("Project", user, name=f"Project {one + 1} of {user.omeName}")
            for two in range(self.sizes.datasets):
                dataset = self.add("Dataset", user, name=f"Dataset {one + 1}.{two + 1}")
                self.link("ProjectDatasetLink", project, dataset, "datasetLinks", "projectLinks")
                for three in range(self.sizes.images):
                    image = self._add_image(user, f"image-{one + 1}-{two + 1}-{three + 1}.tif")
                    self.link("DatasetImageLink", dataset, image, "imageLinks", "datasetLinks")

    def _add_image(self, user: Entity, name: str) -> Entity:
        image = self.add("Image", user, name=name, archived=False, partial=False, series=0)
        image.acquisitionDate = self._now
        image.format = Entity("Format", 1, value="TIFF")
        size = self.sizes.image
        pixels = self.add("Pixels", user, image=image, sizeX=size, sizeY=size, sizeC=2, sizeZ=1)
        pixels.sizeT = 1
        pixels.sha1 = "0" * 40
        pixels.significantBits = 8
        pixels.pixelsType = Entity("PixelsType", 1, value="uint8", bitSize=8)
        pixels.dimensionOrder = Entity("DimensionOrder", 1, value="XYCZT")
        pixels.physicalSizeX = pixels.physicalSizeY = Quantity("Length", 0.25, "MICROMETER")
        pixels.channels = [self._add_channel(user, pixels, each) for each in ("DAPI", "GFP")]
        image.pixels = [pixels]
        fileset = self.add("Fileset", user, images=[image])
        fileset.templatePrefix = f"{user.omeName}_{user.id}/{fileset.id}/"
        original = self._add_file(user, fileset.templatePrefix, name)
        entry = self.add("FilesetEntry", user, fileset=fileset, originalFile=original)
        entry.clientPath = f"home/{user.omeName}/{name}"
        original.filesetEntries = [entry]
        fileset.usedFiles = [entry]
        image.fileset = fileset
        return image

    def _add_channel(self, user: Entity, pixels: Entity, name: str) -> Entity:
        channel = self.add("Channel", user, pixels=pixels, alpha=255, blue=0, red=0, green=0)
        setattr(channel, "blue" if name == "DAPI" else "green", 255)
        channel.statsInfo = self.add("StatsInfo", user, globalMin=0.0, globalMax=255.0)
        channel.logicalChannel = self.add("LogicalChannel", user, name=name, channels=[channel])
        return channel

    def _add_file(self, user: Entity, path: str, name: str) -> Entity:
        original = self.add("OriginalFile", user, name=name, path=path, size=self.sizes.file)
        original.mimetype = "application/octet-stream"
        original.hash = "0" * 40
        original.mtime = self._now
        return original


def _readable(entity: Entity, user: Entity, mine: set[int], group: int) -> bool:
    details = entity.details
    if details is None or details.group is None or details.owner is None:
        return True
    if group >= 0 and details.group.id != group:
        return False
    if user.id == ROOT:
        return True
    return details.group.id in mine and (
        details.owner.id == user.id or details.permissions[2:3] == "r"
    )
