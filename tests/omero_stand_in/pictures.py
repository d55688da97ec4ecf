"""What the images show: made from their numbers when somebody looks, by Pillow."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageDraw, ImageOps

from tests.omero_stand_in.entity import Entity

Color = tuple[int, int, int]
Box = tuple[int, int, int, int]
SHAPES = 12  # in each channel


@dataclass
class Channel:
    """How one channel is rendered. start, end: the window of values."""

    color: Color
    active: bool = True
    start: float = 0
    end: float = 255
    inverted: bool = False


@dataclass
class Settings:
    """How an image is rendered. quality: of the JPEG, from 0 to 1."""

    channels: list[Channel]
    quality: float = 0.85
    greyscale: bool = False
    z: int = 0
    t: int = 0
    region: Box | None = field(default=None)

    @classmethod
    def of(cls, pixels: Entity) -> Settings:
        """The defaults of an image."""
        return cls([Channel((c.red, c.green, c.blue)) for c in pixels.channels])


def plane(pixels: Entity, channel: int) -> Image.Image:
    """The values of one channel."""
    seed = random.Random(f"{pixels.id} {channel}")
    picture = Image.new("L", (pixels.sizeX, pixels.sizeY), 12)
    draw = ImageDraw.Draw(picture)
    for _ in range(SHAPES):
        x, y = seed.randrange(pixels.sizeX), seed.randrange(pixels.sizeY)
        radius = seed.randrange(4, 6 + pixels.sizeX // 8)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=seed.randrange(90, 256))
    draw.text((4, 4), f"{pixels.id}", fill=255)
    return picture


def render(pixels: Entity, settings: Settings) -> Image.Image:
    """All active channels in their colors."""
    picture = Image.new("RGB", (pixels.sizeX, pixels.sizeY))
    for number, channel in enumerate(settings.channels):
        if channel.active:
            color = (255, 255, 255) if settings.greyscale else channel.color
            width = max(channel.end - channel.start, 1)
            values = plane(pixels, number).point(
                lambda value, c=channel, w=width: (value - c.start) * 255 / w
            )
            values = ImageOps.invert(values) if channel.inverted else values
            colored = ImageOps.colorize(values, (0, 0, 0), color)
            picture = ImageChops.add(picture, colored)
    return picture.crop(settings.region) if settings.region else picture


def jpeg(pixels: Entity, settings: Settings) -> bytes:
    """The rendered image as a file."""
    return _encoded(render(pixels, settings), settings.quality)


def thumbnail(pixels: Entity, width: int, height: int | None = None) -> bytes:
    """A small JPEG; without a height its longest side is the width."""
    picture = render(pixels, Settings.of(pixels))
    if height is None:
        picture.thumbnail((width, width))
    else:
        picture = picture.resize((width, height))
    return _encoded(picture, 0.85)


def _encoded(picture: Image.Image, quality: float) -> bytes:
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=round(quality * 100))
    return file.getvalue()
