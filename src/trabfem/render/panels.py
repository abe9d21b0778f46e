"""A surface drawn by VTK into an array of pixels: fixed orthographic camera, soft light, baked ambient occlusion.

The projection is orthographic, so that a length in the picture plane is the same everywhere and a scale bar is exact.
Ambient occlusion is computed from the fill field and multiplied into the colours: it costs a few blurs, looks the same
with every OpenGL driver, and travels into movies and the browser, where screen-space methods do not.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from trabfem.render import probe
from trabfem.render.surface import Surface

if TYPE_CHECKING:
    import pyvista

AZIMUTH_DEG, ELEVATION_DEG = -58.0, 24.0
MARGIN = 1.03
SUPERSAMPLING = 2
OCCLUSION_REACH_MM = (0.06, 0.15, 0.35)  # pores are 0.5 to 1 mm wide
OCCLUSION_STRENGTH = 0.75
FRAME_COLOUR = "#b9b9b9"
# Place (right, up, towards the camera) and strength; with the ambient part a face towards the camera keeps its colour.
LIGHTS = ((-0.45, 0.50, 1.0, 0.60), (0.9, 0.1, 0.9, 0.30), (0.0, -0.8, 0.6, 0.10))
AMBIENT = 0.28


@dataclass(frozen=True)
class View:
    """Camera on a box with sides `size` (mm): unit vectors of the picture plane, towards the camera, half extents."""

    size: tuple[float, float, float]
    right: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    towards: Float[np.ndarray, "3"]
    half_width: float
    half_height: float

    @property
    def aspect(self) -> float:
        """Width over height of the picture."""
        return self.half_width / self.half_height

    def project(self, direction: Float[np.ndarray, "3"]) -> tuple[float, float]:
        """Components of a vector of space to the right and up in the picture."""
        return float(direction @ self.right), float(direction @ self.up)


@dataclass(frozen=True)
class Layer:
    """A coloured surface of a picture."""

    surface: Surface
    rgb: UInt8[np.ndarray, "points 3"]
    opacity: float = 1.0


def view_of(size: tuple[float, float, float], azimuth: float = AZIMUTH_DEG, elevation: float = ELEVATION_DEG) -> View:
    """Three-quarter view from slightly above that just holds the box; depends on the box alone, so arms share it."""
    a, e = np.radians(azimuth), np.radians(elevation)
    towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    half = np.asarray(size) / 2
    return View(size, right, up, towards, MARGIN * float(abs(right) @ half), MARGIN * float(abs(up) @ half))


def openness(
    surface: Surface, fill: Float[np.ndarray, "x y z"], spacing: tuple[float, float, float]
) -> Float[np.ndarray, "points"]:
    """Share of void in front of each point of a surface, 0..1: the mean of 1 − blurred fill at a few distances."""
    total = np.zeros(len(surface.points))
    for reach in OCCLUSION_REACH_MM:
        blurred = ndimage.gaussian_filter(fill, [0.6 * reach / h for h in spacing], mode="constant", truncate=2.5)
        index = (surface.points + reach * surface.normals) / np.asarray(spacing) - 0.5
        total += ndimage.map_coordinates(blurred, index.T, order=1, mode="constant")
    return np.clip(1.0 - total / len(OCCLUSION_REACH_MM), 0.0, 1.0)


def shade(rgb: UInt8[np.ndarray, "points 3"], light: Float[np.ndarray, "points"]) -> UInt8[np.ndarray, "points 3"]:
    """`rgb` darkened where `light` (0..1) is small; what is half open or more keeps its colour."""
    factor = 1.0 - OCCLUSION_STRENGTH * np.clip(1.0 - light / 0.75, 0.0, 1.0)
    return np.round(rgb * factor[:, None]).astype(np.uint8)


def to_mesh(layer: Layer) -> "pyvista.PolyData":
    """The layer as VTK wants it."""
    import pyvista

    mesh = pyvista.PolyData.from_regular_faces(layer.surface.points.astype(np.float32), layer.surface.triangles)
    mesh.point_data["rgb"] = layer.rgb
    mesh.point_data.active_normals = layer.surface.normals.astype(np.float32)
    return mesh


def aim(plotter: "pyvista.Plotter", view: View) -> None:
    """Set camera and lights of `plotter`: a key light over the left shoulder, two weak ones that open the shadows."""
    import pyvista

    centre = np.asarray(view.size) / 2
    reach = 3 * float(np.linalg.norm(view.size))
    camera: Any = plotter.camera
    camera.position, camera.focal_point, camera.up = centre + reach * view.towards, centre, view.up
    camera.parallel_projection, camera.parallel_scale = True, view.half_height
    camera.clipping_range = (0.5 * reach, 1.5 * reach)
    plotter.remove_all_lights()
    for right, up, towards, intensity in LIGHTS:
        offset = right * view.right + up * view.up + towards * view.towards
        light = pyvista.Light(
            position=centre + reach * offset, focal_point=centre, intensity=intensity, light_type="scene light"
        )
        plotter.add_light(light)


def add_layers(plotter: "pyvista.Plotter", layers: list[Layer]) -> list[Any]:
    """Add the surfaces to a plotter without drawing yet; returns their actors."""
    actors = []
    for layer in layers:
        if len(layer.surface.triangles) == 0:
            continue
        actor = plotter.add_mesh(
            to_mesh(layer),
            scalars="rgb",
            rgb=True,
            ambient=AMBIENT,
            diffuse=1.0,
            specular=0.06,
            specular_power=12,
            show_scalar_bar=False,
            render=False,
            reset_camera=False,
        )
        actor.prop.interpolation = "Phong"
        actors.append(actor)
    return actors


def add_frame(plotter: "pyvista.Plotter", view: View, line_width: float) -> None:
    """Add the edges of the volume but the three in front: they show what was cut and what is gone at the border."""
    import pyvista

    corners = np.array(list(np.ndindex(2, 2, 2)))
    nearest = (view.towards > 0).astype(int)
    ends = [(i, j) for i in range(8) for j in range(i) if abs(corners[i] - corners[j]).sum() == 1]
    kept = [pair for pair in ends if not any((corners[end] == nearest).all() for end in pair)]
    edges = pyvista.PolyData(corners * np.asarray(view.size), lines=[(2, *pair) for pair in kept])
    plotter.add_mesh(edges, color=FRAME_COLOUR, line_width=line_width, lighting=False, render=False)


class Painter:
    """An off-screen window of one size and view, used for many pictures; close it after use (a `with` block does)."""

    def __init__(self, view: View, height: int, supersampling: int = SUPERSAMPLING):
        probe.require_rendering()
        import pyvista

        self.view, self.supersampling = view, supersampling
        self.width, self.height = max(1, round(height * view.aspect)), height
        pixels = (self.width * supersampling, self.height * supersampling)
        self.plotter: Any = pyvista.Plotter(off_screen=True, window_size=list(pixels))
        self.plotter.set_background("white")
        self.plotter.render_window.SetMultiSamples(0)
        add_frame(self.plotter, view, float(supersampling))
        aim(self.plotter, view)

    def __enter__(self) -> "Painter":
        return self

    def __exit__(self, *_: object) -> None:
        self.plotter.close()

    def paint(self, layers: list[Layer]) -> UInt8[np.ndarray, "height width 3"]:
        """The picture of `layers` on white, averaged down from the finer one that VTK draws.

        A translucent layer is blended here, from pictures without and with it: VTK's own translucency needs depth
        peeling, which costs several times as much in software and is silently off with some drivers.
        """
        solid = [layer for layer in layers if layer.opacity == 1]
        pixels = self.snapshot(solid)
        for layer in layers:
            if layer.opacity < 1:
                pixels += layer.opacity * (self.snapshot([*solid, layer]) - pixels)
        n = self.supersampling
        return np.round(pixels.reshape(self.height, n, self.width, n, 3).mean(axis=(1, 3))).astype(np.uint8)

    def snapshot(self, layers: list[Layer]) -> Float[np.ndarray, "fine_height fine_width 3"]:
        """What VTK draws of opaque layers, 0..255."""
        actors = add_layers(self.plotter, layers)
        self.plotter.render()
        pixels = np.asarray(self.plotter.screenshot(return_img=True))[:, :, :3].astype(np.float32)
        self.plotter.remove_actor(actors, reset_camera=False, render=False)
        return pixels
