"""Pictures are opened safely, brought into shape, placed on canvases and masked: all of it on real pixels."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from pictures import BAD, GOOD, exif, header, jpeg, photo, png, saved
from PIL import Image, ImageCms, ImageFile

from airflow_titan.imaging.canvas import ANCHORS, Margins, extend_canvas, margins_around
from airflow_titan.imaging.decode import MAX_PIXELS, ImageOutOfBounds, decode_upright, open_image
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.image import Image as StoredObject
from airflow_titan.imaging.mask import mask_from_alpha, mask_from_boxes, mask_from_polygons, mask_from_threshold
from airflow_titan.imaging.resize import Bounds, Shape, encode, resize_to_fit
from airflow_titan.imaging.verify import mask_impurity, read_header
from airflow_titan.models import catalog
from airflow_titan.models.tasks import ImageVariation, Inpainting
from airflow_titan.models.validation import validate

if TYPE_CHECKING:
    from pathlib import Path

TITAN = catalog.find("amazon.titan-image-generator-v2:0")
BOUNDS = TITAN.image_bounds
WHITE, RED, GREEN, BLUE = (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)
FREE = Bounds()


def corners(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Draw a picture whose four quarters are red, green, blue and white, row by row."""
    picture = Image.new("RGB", (width, height), WHITE)
    half = width // 2, height // 2
    for color, place in ((RED, (0, 0)), (GREEN, (half[0], 0)), (BLUE, (0, half[1]))):
        picture.paste(color, (*place, place[0] + half[0], place[1] + half[1]))
    return picture.convert(mode)


def _rows(picture: Image.Image) -> list[bytes]:
    """Give the bytes of each row of an RGB picture."""
    data, length = picture.tobytes(), 3 * picture.width
    return [data[at : at + length] for at in range(0, len(data), length)]


def quarters(picture: Image.Image) -> list[Any]:
    """Give the colours in the middle of a picture's quarters."""
    width, height = picture.size
    return [picture.getpixel((width * x // 4, height * y // 4)) for y in (1, 3) for x in (1, 3)]


def near(one: Any, other: Any, by: int = 6) -> bool:
    """Tell whether colours are alike, as far as a JPEG or a palette can keep them."""
    pairs = zip(sum(one, ()), sum(other, ()), strict=True)
    return all(abs(ours - theirs) <= by for ours, theirs in pairs)


def ready(data: bytes, **shape: Any) -> Image.Image:
    """Prepare a picture for Titan on white."""
    return resize_to_fit(data, Shape(**shape), BOUNDS, WHITE)


def checked(data: bytes) -> None:
    """Let our own check look at a picture as Titan's input."""
    image = StoredObject("s3://b/k", data, len(data))
    assert validate(ImageVariation(images=(image,)), TITAN)


def noise(width: int, height: int) -> Image.Image:
    """Make a picture that hardly compresses."""
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))


KINDS: dict[str, bytes] = {
    "PNG": saved(corners()),
    "JPEG": saved(corners(), "JPEG", quality=95, subsampling=0),
    "progressive JPEG": saved(corners(), "JPEG", quality=95, subsampling=0, progressive=True),
    "CMYK JPEG": saved(corners(mode="CMYK"), "JPEG", quality=95, subsampling=0),
    "WebP": saved(corners(), "WEBP", lossless=True),
    "animated WebP": saved(corners(), "WEBP", lossless=True, save_all=True, append_images=[Image.new("RGB", (60, 40))]),
    "GIF": saved(corners(mode="P"), "GIF"),
    "animated GIF": saved(corners(mode="P"), "GIF", save_all=True, append_images=[Image.new("P", (60, 40))]),
    "animated PNG": saved(corners(), save_all=True, append_images=[Image.new("RGB", (60, 40))]),
    "several JPEGs": saved(
        corners(), "MPO", quality=95, subsampling=0, save_all=True, append_images=[Image.new("RGB", (60, 40))]
    ),
    "BMP": saved(corners(), "BMP"),
    "TIFF": saved(corners(), "TIFF"),
    "packed TIFF": saved(corners(), "TIFF", compression="tiff_lzw"),
    "CMYK TIFF": saved(corners(mode="CMYK"), "TIFF"),
    "TIFF of two pages": saved(corners(), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    "palette PNG": saved(corners(mode="P")),
    "RGBA PNG": saved(corners(mode="RGBA")),
    "16-bit RGB PNG": png(
        60, 40, 16, 2,
        pixels=b"".join(b"\0" + bytes(byte for byte in row for _ in range(2)) for row in _rows(corners())),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_common_kind_becomes_the_same_picture(kind: str) -> None:
    """Whatever it came as, it goes as opaque RGB that the check lets through."""
    picture = ready(KINDS[kind])
    assert (picture.mode, picture.size) == ("RGB", (60, 40))
    assert near(quarters(picture), [RED, GREEN, BLUE, WHITE])
    checked(encode(picture).data)


GREYS = {
    "L": Image.new("L", (8, 8), 128),
    "LA": Image.new("LA", (8, 8), (128, 255)),
    "I;16": Image.new("I;16", (8, 8), 128 * 257),
    "I": Image.new("I", (8, 8), 128 * 257),
    "1": Image.new("1", (8, 8), 1),
}


@pytest.mark.parametrize("mode", GREYS)
def test_grey_keeps_its_value(mode: str) -> None:
    """16 bits are scaled, not cut off."""
    form = "TIFF" if mode == "I" else "PNG"
    value = 255 if mode == "1" else 128
    assert ready(saved(GREYS[mode], form)).getcolors() == [(64, (value,) * 3)]


def test_16_bits_use_the_whole_range() -> None:
    """Black is black and white is white."""
    ramp = Image.new("I;16", (2, 1))
    ramp.putpixel((1, 0), 65_535)
    assert ready(saved(ramp)).getcolors() == [(1, (255,) * 3), (1, (0,) * 3)]


@pytest.mark.parametrize("lying", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("shape", [{}, {"max_side": 30}, {"fit": "crop", "width": 20, "height": 20}])
def test_exif_orientation_is_applied(lying: int, form: str, shape: dict[str, Any]) -> None:
    """The picture comes out as people see it, its EXIF gone."""
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what undoes each
    stored = corners() if lying == 1 else corners().transpose(Image.Transpose(back[lying]))
    exif = Image.Exif()
    exif[0x0112] = lying
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    picture = ready(saved(stored, form, exif=exif.tobytes(), **options), **shape)
    assert picture.size == {0: (60, 40), 1: (30, 20), 3: (20, 20)}[len(shape)]
    assert near(quarters(picture), [RED, GREEN, BLUE, WHITE], 12)
    assert picture.getexif() == {}


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_flattened(form: str) -> None:
    """The background shows through, by as much as a pixel is transparent."""
    picture = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        picture.putpixel((x, 0), (255, 0, 0, alpha))
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    flat = resize_to_fit(saved(picture, form, **options), Shape(), BOUNDS, BLUE)
    assert [flat.getpixel((x, 0)) for x in range(3)] == [BLUE, (128, 0, 127), RED]


@pytest.mark.parametrize("form", ["GIF", "PNG"])
def test_a_transparent_palette_entry_is_flattened(form: str) -> None:
    """Transparency may be a colour of the palette."""
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    assert resize_to_fit(saved(picture, form, transparency=1), Shape(), BOUNDS, BLUE).getcolors() == [(16, BLUE)]


def test_scaling_doesnt_draw_colour_out_of_transparent_pixels() -> None:
    """What nobody sees is not mixed in."""
    picture = Image.new("RGBA", (100, 100), (0, 255, 0, 0))
    picture.paste((255, 0, 0, 255), (50, 0, 100, 100))
    flat = ready(saved(picture), max_side=50)
    assert all(flat.getpixel((x, 25))[1] >= flat.getpixel((x, 25))[2] - 2 for x in range(50))  # type: ignore[index]
    assert max(flat.getpixel((x, 25))[1] - flat.getpixel((x, 25))[2] for x in range(50)) <= 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("size", "shape", "expected"),
    [
        ((4000, 3000), {}, (1408, 1056)),
        ((300, 2816), {}, (150, 1408)),
        ((1408, 1408), {}, (1408, 1408)),
        ((300, 200), {}, (300, 200)),
        ((9000, 2), {}, (1408, 1)),
        ((300, 200), {"max_side": 150}, (150, 100)),
        ((2000, 1000), {"max_side": 9000}, (1408, 704)),
        ((300, 200), {"width": 600}, (600, 400)),
        ((300, 200), {"width": 600, "height": 200}, (300, 200)),
        ((300, 200), {"height": 1000}, (1408, 939)),
        ((300, 200), {"fit": "pad", "width": 512, "height": 512}, (512, 512)),
        ((300, 200), {"fit": "crop", "width": 512, "height": 1024}, (512, 1024)),
        ((9000, 1), {"fit": "crop", "width": 1408, "height": 1408}, (1408, 1408)),
        ((9000, 1), {"fit": "pad", "width": 1408, "height": 1408}, (1408, 1408)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_sizes(size: tuple[int, int], shape: dict[str, Any], expected: tuple[int, int], form: str) -> None:
    """Proportions are kept, nothing is enlarged unasked, and the model's long side is never passed."""
    picture = ready(saved(Image.new("RGB", size, RED), form), **shape)
    assert picture.size == expected
    checked(encode(picture).data)


def test_pad_puts_the_picture_in_the_middle() -> None:
    """What is missing is background, in equal parts."""
    picture = resize_to_fit(saved(Image.new("RGB", (200, 100), RED)), Shape("pad", 100, 100), BOUNDS, BLUE)
    assert sorted(picture.getcolors()) == [(5000, BLUE), (5000, RED)]  # type: ignore[type-var]
    assert [picture.getpixel((50, y)) for y in (24, 25, 74, 75)] == [BLUE, RED, RED, BLUE]


def test_crop_takes_the_middle() -> None:
    """What is too much is cut off, in equal parts."""
    wide = Image.new("RGB", (300, 100), BLUE)
    wide.paste(RED, (100, 0, 200, 100))
    assert ready(saved(wide), fit="crop", width=100, height=100).getcolors() == [(10_000, RED)]


def test_large_jpegs_are_decoded_small() -> None:
    """The picture is the same to the eye as if all of it had been decoded."""
    data = saved(corners(4000, 2000), "JPEG", quality=95)
    assert near(quarters(ready(data, max_side=200)), [RED, GREEN, BLUE, WHITE])


def test_bounds_come_from_the_model_data() -> None:
    """No number of a model stands in the code."""
    rule = TITAN.parameters["image"]
    assert (BOUNDS.max_side, BOUNDS.max_bytes) == (rule.largest("max_side"), rule.largest("max_bytes"))


@pytest.mark.parametrize("size", [(60, 40), (4000, 3000), (4500, 2000), (500, 1200)])
@pytest.mark.parametrize("bounds", [FREE, BOUNDS, Bounds(4096, 320, 4_194_304, 4.0), Bounds(None, 64, 1_000_000, 2.5)])
def test_every_model_gets_what_it_takes(size: tuple[int, int], bounds: Bounds) -> None:
    """Down to its most pixels, up to its shortest side."""
    picture = resize_to_fit(saved(Image.new("RGB", size)), Shape(), bounds, WHITE)
    assert bounds.breach(picture.size) is None
    assert abs(picture.width / picture.height - size[0] / size[1]) < 0.02


@pytest.mark.parametrize("shape", [{}, {"max_side": 400}, {"width": 2000}])
def test_proportions_that_no_size_can_help_are_told(shape: dict[str, Any]) -> None:
    """The message says what to do instead."""
    with pytest.raises(ImageOutOfBounds, match=r"image: got a picture of 2000x100 .*fit='pad'"):
        resize_to_fit(saved(Image.new("RGB", (2000, 100))), Shape(**shape), Bounds(4096, 320, None, 4.0), WHITE)


def test_a_size_that_the_model_doesnt_take_is_told_before_decoding() -> None:
    """Also where the width alone would be allowed."""
    with pytest.raises(ImageOutOfBounds, match=r"width, height: got sides of 5\.00:1; allowed is at most 4:1"):
        resize_to_fit(b"never opened", Shape("crop", 1000, 200), Bounds(max_ratio=4.0), WHITE)


def test_a_picture_that_is_too_heavy_becomes_a_jpeg() -> None:
    """First the best one that fits."""
    picture = noise(1000, 700)
    assert encode(picture).format == "png"
    best, least = encode(picture, max_bytes=1_000_000), encode(picture, max_bytes=400_000)
    assert (best.content_type, best.extension) == ("image/jpeg", "jpg")
    assert 400_000 < len(best.data) <= 1_000_000
    assert len(least.data) <= 400_000
    assert encode(corners(), "jpeg").format == "jpeg"
    with pytest.raises(ImageOutOfBounds, match=r"1000x700 that weighs .*at most 1,000 bytes"):
        encode(picture, max_bytes=1_000)


def test_the_heaviest_picture_of_titans_size_passes_the_check() -> None:
    """Noise of the largest size is more than 5 MB as a PNG."""
    file = encode(ready(saved(noise(1408, 1408), compress_level=0)), max_bytes=BOUNDS.max_bytes)
    assert file.format == "jpeg"
    checked(file.data)


def test_metadata_is_stripped() -> None:
    """Neither positions, comments and profiles nor a transparent colour come through."""
    exif = Image.Exif()
    exif[0x010F] = "maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (
        saved(corners(), "JPEG", exif=exif.tobytes(), icc_profile=profile, comment=b"secret", dpi=(72, 72)),
        saved(corners(), exif=exif.tobytes(), icc_profile=profile, dpi=(72, 72), transparency=RED),
    ):
        file = encode(ready(data))
        assert not [kind for kind in (b"eXIf", b"iCCP", b"tRNS", b"pHYs", b"tEXt") if kind in file.data]
        assert Image.open(BytesIO(file.data)).info == {}


def test_profiles_of_other_colours_are_applied() -> None:
    """A picture whose profile swaps its colours comes out swapped."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(corners())
    for profile in (srgb, lab, b"broken", b""):
        assert quarters(ready(saved(corners(), icc_profile=profile))) == quarters(ready(data))


def test_a_linear_profile_is_converted() -> None:
    """Half of the light is not half of the code value."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # replace the description, so that it isn't taken for sRGB, and each curve by a straight line
    profile = bytearray(bytes(profile).replace("sRGB".encode("utf-16-be"), "line".encode("utf-16-be")))
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            profile[offset : offset + size] = (b"curv" + bytes(8)).ljust(size, b"\0")
    grey = Image.new("RGBA", (4, 4), (64, 64, 64, 255))
    ((_, color),) = ready(saved(grey, icc_profile=bytes(profile))).getcolors() or []
    assert near([color], [(137,) * 3], 3)


def _tiled(width: int, height: int) -> bytes:
    """Write a TIFF of 8 by 8 grey pixels, stored as one tile of another size."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 322: width, 323: height, 324: 8, 325: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHI", b"II", 42, 72) + bytes(64) + struct.pack("<H", len(tags)) + entries + bytes(4)


_HUGE = (60_000, 60_000)
BROKEN = {
    name: BAD[name]
    for name in (
        "empty", "one byte", "only the signature", "header cut off", "truncated in the pixels",
        "bit flip in the header", "half the stream", "no pixels at all", "no palette", "no size", "truncated JPEG",
        "JPEG header cut off", "JPEG without a frame", "JPEG of no size", "HEIC", "EPS", "SVG", "HTML", "XML",
        "base64 text", "data URL", "pickle",
    )
} | {
    "truncated WebP": saved(noise(64, 64), "WEBP", lossless=True)[:-500],
    "truncated GIF": saved(noise(64, 64).convert("P"), "GIF")[:-900],
    "truncated BMP": saved(noise(64, 64), "BMP")[:-500],
    "truncated TIFF": saved(noise(64, 64), "TIFF", compression="tiff_lzw")[:300],
    "float TIFF": saved(Image.new("F", (8, 8), 0.5), "TIFF"),
    "32-bit TIFF": saved(Image.new("I", (8, 8), 1 << 20), "TIFF"),
    "a little too large": png(1, 1).replace(header(1, 1), header(8193, 8193)),
    "60,000 squared": png(1, 1).replace(header(1, 1), header(*_HUGE)),
    "JPEG of 60,000 squared": jpeg().replace(struct.pack(">HH", 48, 64), struct.pack(">HH", *_HUGE)),
    "BMP of 60,000 squared": saved(corners(), "BMP").replace(struct.pack("<ii", 60, 40), struct.pack("<ii", *_HUGE)),
    "GIF of 60,000 squared": saved(corners(mode="P"), "GIF").replace(
        struct.pack("<HH", 60, 40), struct.pack("<HH", *_HUGE)
    ),
    "TIFF with a tile of 60,000 squared": _tiled(*_HUGE),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("look", [ready, decode_upright])
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_is_refused_in_one_way(name: str, look: Any) -> None:
    """One error, whose message ends a sentence that began with the file's name."""
    with pytest.raises(InvalidImage, match=r"^(is|has|says) "):
        look(BROKEN[name])


@pytest.mark.parametrize("name", GOOD)
def test_what_is_odd_and_sound_is_taken(name: str) -> None:
    """All that the check takes for whole."""
    size = read_header(GOOD[name]).size
    assert ready(GOOD[name]).size == size
    assert ready(jpeg(64, 48, exif=exif(6))).size == (48, 64)


def test_the_pixel_bound_is_met_exactly() -> None:
    """One row more is too much."""
    assert open_image(png(1, 1).replace(header(1, 1), header(8192, 8192))).size == (8192, 8192)
    assert MAX_PIXELS == 8192 * 8192


def test_pillows_global_settings_are_neither_touched_nor_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where other code lets truncated files through, they still are refused."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    limit = Image.MAX_IMAGE_PIXELS
    for data in (photo(640, 480)[:-400], jpeg(640, 480)[:-400]):
        with pytest.raises(InvalidImage, match="cut off"):
            ready(data)
    assert ready(photo()).size == (64, 48)
    assert (limit, ImageFile.LOAD_TRUNCATED_IMAGES) == (Image.MAX_IMAGE_PIXELS, True)


_HUNGRY = """
import re, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.resize import Bounds, Shape, resize_to_fit
import PIL.Image, PIL.ImageCms
PIL.Image.init()
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
for path in sys.argv[1:]:
    try:
        resize_to_fit(Path(path).read_bytes(), Shape(), Bounds(1408), (255, 255, 255))
    except InvalidImage:
        pass
print(peak() - before)
"""
_on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked in Linux's way")


def _grown(*files: Path) -> int:
    """Tell by how many MiB a fresh process grows at most that prepares files."""
    done = subprocess.run(  # noqa: S603 - this Python, our own script
        [sys.executable, "-c", _HUNGRY, *map(str, files)], capture_output=True, text=True, check=True
    )
    return int(done.stdout) >> 10


@_on_linux
def test_hostile_files_cost_little_memory(tmp_path: Path) -> None:
    """They are turned down before anything is allocated for them."""
    hostile = {**BROKEN, **BAD}
    for number, data in enumerate(hostile.values()):
        (tmp_path / str(number)).write_bytes(data)
    assert _grown(*tmp_path.iterdir()) < 150


@pytest.mark.heavy
@_on_linux
def test_the_largest_pictures_cost_less_than_a_gigabyte(tmp_path: Path) -> None:
    """Of a JPEG that is scaled down only a part is decoded."""
    for form in ("PNG", "JPEG"):
        Image.new("RGBA" if form == "PNG" else "RGB", (8192, 8192), RED).save(tmp_path / form, form)
    assert _grown(tmp_path / "JPEG") < 200
    assert _grown(tmp_path / "PNG") < 1024


def test_the_canvas_keeps_the_picture_and_the_mask_tells_where() -> None:
    """The pair has one size; black in the mask is the picture, to the pixel."""
    picture = corners()
    image, mask = extend_canvas(picture, Margins(5, 0, 10, 20), BLUE, 0, FREE)
    assert image.size == mask.size == (75, 60)
    assert list(image.crop((5, 0, 65, 40)).tobytes()) == list(picture.tobytes())
    assert mask.crop((5, 0, 65, 40)).getcolors() == [(2400, 0)]
    assert mask.getcolors() == [(2400, 0), (75 * 60 - 2400, 255)]
    assert image.getpixel((0, 0)) == image.getpixel((74, 59)) == BLUE


def test_the_overlap_is_taken_off_only_where_something_is_new() -> None:
    """Where the picture ends with the canvas there is no seam."""
    _, mask = extend_canvas(corners(), Margins(left=10), WHITE, 4, FREE)
    assert Image.eval(mask, lambda value: 255 - value).getbbox() == (14, 0, 70, 40)


@pytest.mark.parametrize("anchor", ANCHORS)
def test_the_anchor_says_where_the_picture_lies(anchor: str) -> None:
    """All that is added adds up, and one side of what is named gets nothing."""
    margins = margins_around((60, 40), 101, 61, anchor)
    assert (margins.left + margins.right, margins.top + margins.bottom) == (41, 21)
    for side in anchor.split("-"):
        assert side == "center" or getattr(margins, side) == 0
    assert margins_around((60, 40), None, 61, anchor)[::2] == (0, 0)


@pytest.mark.parametrize(
    ("margins", "overlap", "match"),
    [
        (Margins(), 0, "same size"),
        (Margins(left=1349), 0, "canvas of 1409x40 pixels, a long side of 1,409 pixels; allowed is at most 1,408"),
        (Margins(left=9, right=9), 30, "overlap: got 30"),
    ],
)
def test_a_canvas_that_makes_no_sense_is_told(margins: Margins, overlap: int, match: str) -> None:
    """The message names the numbers."""
    with pytest.raises(ImageOutOfBounds, match=match):
        extend_canvas(corners(), margins, WHITE, overlap, BOUNDS)


def test_a_canvas_smaller_than_the_picture_is_told() -> None:
    """On one side is enough."""
    with pytest.raises(ImageOutOfBounds, match="got 50x90; allowed is at least the picture's, 60x40"):
        margins_around((60, 40), 50, 90, "center")


def black(mask: Image.Image) -> int:
    """Count the black pixels of a mask that has no others than black and white ones."""
    assert mask.mode == "L"
    data = saved(mask)
    assert mask_impurity(data, read_header(data)) is None
    return mask.histogram()[0]


def test_a_box_holds_what_its_numbers_say() -> None:
    """Right and bottom are the first column and row outside."""
    mask = mask_from_boxes(corners(), (60, 40), [[10, 5, 20, 15], [15, 10, 25, 20]])
    assert black(mask) == 100 + 100 - 25
    assert [mask.getpixel(at) for at in ((10, 5), (19, 14), (9, 5), (20, 5), (24, 19))] == [0, 0, 255, 255, 0]
    assert black(mask_from_boxes(corners(), (60, 40), [[0, 0, 60, 40]])) == 2400


def test_a_polygon_of_a_box_is_that_box() -> None:
    """Both go by the centres of pixels, in either direction."""
    box = mask_from_boxes(corners(), (60, 40), [[10, 5, 20, 15]])
    for points in ([(10, 5), (20, 5), (20, 15), (10, 15)], [(10, 15), (20, 15), (20, 5), (10, 5)]):
        assert mask_from_polygons(corners(), (60, 40), [points]).tobytes() == box.tobytes()


def test_neighbouring_polygons_neither_overlap_nor_leave_a_gap() -> None:
    """Triangles that share an edge make the whole."""
    one, two = [(0, 0), (60, 0), (60, 40)], [(0, 0), (60, 40), (0, 40)]
    parts = [mask_from_polygons(corners(), (60, 40), [part]) for part in (one, two)]
    assert sum(map(black, parts)) == 2400
    assert black(mask_from_polygons(corners(), (60, 40), [one, two])) == 2400


def test_a_circle_has_the_area_of_a_circle() -> None:
    """Many short edges are as good as few long ones."""
    from math import cos, pi, sin

    circle = [(200 + 150 * cos(at * pi / 180), 200 + 150 * sin(at * pi / 180)) for at in range(360)]
    assert abs(black(mask_from_polygons(Image.new("RGB", (400, 400)), (400, 400), [circle])) - pi * 150**2) < 100


def test_shapes_are_scaled_with_the_mask() -> None:
    """Coordinates stay those of the picture that they were found in."""
    assert black(mask_from_boxes(corners(600, 400), (60, 40), [[100, 50, 200, 150]])) == 100
    assert black(mask_from_alpha(Image.new("RGBA", (600, 400)), (60, 40), 128)) == 2400


@pytest.mark.parametrize("box", [[-1, 0, 5, 5], [0, 0, 61, 5], [0, 0, 5, 41], [5, 0, 5, 5], [9, 9, 5, 10]])
def test_a_box_beyond_the_picture_is_told(box: list[float]) -> None:
    """With the bounds that it should have kept."""
    with pytest.raises(ImageOutOfBounds, match=r"boxes: got \[.* and 1 more; allowed is 0 <= left < right <= 60"):
        mask_from_boxes(corners(), (60, 40), [box, [1, 1, 2, 2], box])


def test_a_polygon_beyond_the_picture_is_told() -> None:
    """One corner is enough."""
    with pytest.raises(ImageOutOfBounds, match=r"polygons: got .*allowed is 0 <= x <= 60 and 0 <= y <= 40"):
        mask_from_polygons(corners(), (60, 40), [[(0, 0), (5, 5), (5, 41)]])


def test_alpha_and_brightness() -> None:
    """Less opaque than the limit is inside; as bright as the limit is inside."""
    ramp = Image.new("RGBA", (256, 1))
    for x in range(256):
        ramp.putpixel((x, 0), (x, x, x, 255))
    assert black(mask_from_threshold(ramp, ramp.size, 200)) == 56
    for x in range(256):
        ramp.putpixel((x, 0), (0, 0, 0, x))
    assert black(mask_from_alpha(ramp, ramp.size, 128)) == 128
    assert black(mask_from_threshold(Image.new("RGBA", (4, 4)), (4, 4), 255)) == 16
    with pytest.raises(ImageOutOfBounds, match="alpha: got a picture without transparency"):
        mask_from_alpha(corners(), (60, 40), 128)


def test_a_pair_passes_the_check() -> None:
    """Image and mask of the largest canvas are an inpainting that Titan takes."""
    image, mask = (
        StoredObject("s3://b/k", file.data, len(file.data))
        for file in map(encode, extend_canvas(corners(), Margins(1300, 700, 48, 600), WHITE, 8, BOUNDS))
    )
    assert validate(Inpainting(image=(image,), mask_image=(mask,)), TITAN)
