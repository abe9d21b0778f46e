"""The window: panels with linked cameras, sliders of time and of the cut, a menu, and what keys and clicks do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trabfem.render import panels, picture
from trabfem.render.panels import Layer, View, add_layers, view_of
from trabfem.render.view import keys
from trabfem.render.view.arrangement import Arrangement, arrange
from trabfem.render.view.contents import Contents
from trabfem.render.view.furniture import COMPUTING, Furniture
from trabfem.render.view.parts import cut_actors, frame_lines, make_slider, place_slider
from trabfem.render.view.side import Side

SIZE = (1600, 960)
SAMPLES = 8
SOFTWARE = ("llvmpipe", "softpipe", "SWR", "SwiftShader")
"""Names by which drivers without a graphics card are known: smooth edges cost them five times the rest."""
PLAY_MS = 350
SHOW_AFTER_S = 0.6
"""A bone that took longer is shown before the next one is computed."""


class Window:
    """Contents in a PyVista plotter, which is open on a screen, off screen, or drawn into a notebook.

    Nothing is computed before `draw` is called, so that a window can open first.
    """

    def __init__(
        self,
        contents: Contents,
        *,
        step: int,
        choice: int = 0,
        size: tuple[int, int] = SIZE,
        off_screen: bool = False,
        notebook: bool = False,
    ) -> None:
        import pyvista

        self.contents, self.step, self.choice = contents, step, choice
        self.view: View = view_of(contents.size)
        self.cut_axis, self.cut_share, self.is_cut = 1, 0.5, False
        self.keys_shown, self.message, self.timer = False, "", None
        self.on_change: list[Callable[[], None]] = []
        count = len(contents.names)
        self.plotter: Any = pyvista.Plotter(
            shape=(1, count + 1), border=False, off_screen=off_screen, notebook=notebook, window_size=list(size)
        )
        self.plotter.set_background("white", all_renderers=True)
        self.plotter.render_window.SetMultiSamples(SAMPLES)
        self.ground, *self.panels = list(self.plotter.renderers)[: count + 1]
        self.ground.InteractiveOff()
        self.actors: list[list[Any]] = [[] for _ in range(count)]
        self.layers: list[list[Layer]] = [[] for _ in range(count)]
        self.fillings: list[list[Any]] = [[] for _ in range(count)]
        self._set_up_cameras()
        self.furniture = Furniture(self.ground, count)
        months = contents.months
        self.time_slider: Any = None
        if len(months) > 1:
            self.time_slider = make_slider(self.plotter, self.ground, (months[0], months[-1]), months[step])
        self.cut_slider = make_slider(self.plotter, self.ground, (0, 1), 0.5)
        self.cut_slider.Off()
        self._listen()
        self.arrange()

    # What the window is made of.

    def _set_up_cameras(self) -> None:
        import pyvista
        from vtkmodules.vtkCommonDataModel import vtkPlane

        self.plane, self.frame = vtkPlane(), pyvista.PolyData()
        self._seen_from: tuple[int, ...] = ()
        for number, panel in enumerate(self.panels, 1):
            self.plotter.subplot(0, number)
            self.plotter.remove_all_lights()
            for right, up, towards, intensity in panels.LIGHTS:
                # They stay where they are to the eye, so that the bone is lit from wherever it is looked at.
                place = {"position": (right, up, towards), "focal_point": (0, 0, 0)}
                self.plotter.add_light(pyvista.Light(**place, intensity=intensity, light_type="camera light"))
            panel.camera = self.panels[0].camera
        self._draw_frame()
        for number in range(1, len(self.panels) + 1):
            self.plotter.subplot(0, number)
            self.plotter.add_mesh(
                self.frame, color=panels.FRAME_COLOUR, line_width=1, lighting=False, render=False, reset_camera=False
            )

    def _listen(self) -> None:
        iren: Any = self.plotter.iren
        self.plotter.enable_trackball_style()
        iren.clear_key_event_callbacks()
        # With an observer of its own the style leaves letters alone: VTK's w, s, p and 3 change how things are drawn.
        iren.style.AddObserver("CharEvent", lambda *_: None)
        self.interactor: Any = iren.interactor
        self.interactor.AddObserver("KeyPressEvent", lambda *_: self.press(self.interactor.GetKeySym() or ""))
        clicked = lambda *_: keys.click(self, *self.interactor.GetEventPosition())  # noqa: E731
        self.interactor.AddObserver("LeftButtonPressEvent", clicked)
        if self.time_slider is not None:
            self.time_slider.AddObserver("InteractionEvent", lambda *_: self.slide(done=False))
            self.time_slider.AddObserver("EndInteractionEvent", lambda *_: self.slide(done=True))
        self.cut_slider.AddObserver("InteractionEvent", lambda *_: self.slide_cut())
        self.interactor.AddObserver("TimerEvent", lambda *_: self._tick())
        self.plotter.render_window.AddObserver("WindowResizeEvent", lambda *_: self.arrange())
        self._camera_time = -1
        self.ground.AddObserver("StartEvent", lambda *_: self._follow_camera())

    # Where things are.

    def arrange(self) -> None:
        """Put everything in its place in a window of this size."""
        size = tuple(self.plotter.render_window.GetSize())
        if getattr(self, "places", None) is not None and (self.places.width, self.places.height) == size:
            return
        first = getattr(self, "places", None) is None
        self.places: Arrangement = arrange(len(self.panels), self.view.aspect, size)
        width, height = self.places.width, self.places.height
        self.ground.SetViewport(0, 0, 1, 1)
        for panel, (left, bottom, wide, high) in zip(self.panels, self.places.panels, strict=True):
            panel.SetViewport(left / width, bottom / height, (left + wide) / width, (bottom + high) / height)
        for slider, row in ((self.time_slider, 0), (self.cut_slider, 1)):
            if slider is not None:
                place_slider(slider, self.places, row)
        if first:
            self.reset_camera()
        self._camera_time = -1
        self.write()

    def reset_camera(self) -> None:
        """Look from where all pictures are drawn, with the whole bone in each panel."""
        centre, reach = np.asarray(self.view.size) / 2, 3 * float(np.linalg.norm(self.view.size))
        camera = self.panels[0].camera
        camera.position, camera.focal_point = centre + reach * self.view.towards, centre
        camera.up, camera.parallel_projection = self.view.up, True
        _, _, width, height = self.places.panels[0]
        camera.parallel_scale = max(self.view.half_height, self.view.half_width * height / width)
        for panel in self.panels:
            panel.ResetCameraClippingRange()

    def _follow_camera(self) -> None:
        """Before each picture: axes, scale bar and frame as the camera looks now."""
        camera = self.panels[0].camera
        if camera.GetMTime() == self._camera_time:
            return
        self._camera_time = camera.GetMTime()
        column = self.places.column[2]
        self.furniture.compass.update(camera, self.places.panels[0][3], left=column - 150, longest=125)
        self._draw_frame()

    def _draw_frame(self) -> None:
        camera = self.panels[0].camera
        towards = np.asarray(camera.position) - np.asarray(camera.focal_point)
        nearest = tuple((towards > 0).astype(int).tolist())
        if nearest != self._seen_from:
            self._seen_from = nearest
            self.frame.DeepCopy(frame_lines(self.view.size, nearest))

    # What is shown.

    def write(self) -> None:
        """Bring words, menu, scale and ticks up to date."""
        contents, places = self.contents, self.places
        self.furniture.show_column(self.side(contents.scale(self.choice) if self.is_drawn else None), places)
        numbers = range(len(self.panels))
        captions = [contents.caption(number, self.step) if self.is_drawn else COMPUTING for number in numbers]
        self.furniture.say_names(contents.names, captions, places)
        self._write_time()
        self._write_cut()

    def side(self, scale: Any) -> Side:
        """What the column shows now."""
        shown = self.contents
        return Side(shown.title, shown.choices, self.choice, scale, self.keys_shown, self.message)

    def _write_time(self) -> None:
        months = self.contents.months
        if self.time_slider is not None:
            self.furniture.say_time(months, months[self.step], self.places)
            self.time_slider.GetRepresentation().SetValue(months[self.step])

    def _write_cut(self) -> None:
        position = self.cut_share * self.view.size[self.cut_axis]
        words = f"cut at {'xyz'[self.cut_axis]} = {position:.2f} mm (yellow: the cut face)" if self.is_cut else ""
        self.furniture.say_cut(words, self.places)
        self.cut_slider.GetRepresentation().SetValue(self.cut_share)

    is_drawn = False

    def draw(self, progress: bool = False) -> None:
        """Show the bones at this month in these colours; `progress`: one after the other, where that takes time."""
        if progress:
            self._announce()
        for panel in range(len(self.panels)):
            begun = time.monotonic()
            self._draw_panel(panel, self.contents.layers(panel, self.step, self.choice))
            if progress and time.monotonic() - begun > SHOW_AFTER_S:
                self.furniture.captions[panel].actor.SetInput(self.contents.caption(panel, self.step))
                self.render()
        self.is_drawn = True
        self.write()
        self._changed()

    def _announce(self) -> None:
        """Say which bones are not there yet; before the first of all colours show them plain, one after the other.

        The scale of the colours has to wait for all of them.
        """
        waiting = [
            panel for panel in range(len(self.panels)) if not self.contents.is_ready(panel, self.step, self.choice)
        ]
        for panel in waiting:
            self.furniture.captions[panel].actor.SetInput(COMPUTING)
        if waiting:
            self._write_time()
            self.render()
        for panel in range(len(self.panels)) if not self.is_drawn else ():
            self._draw_panel(panel, self.contents.plain(panel, self.step))
            self.render()

    def render(self) -> None:
        """Draw the window anew."""
        self.plotter.render_window.Render()

    def choose_quality(self) -> None:
        """Leave smooth edges to screenshots where there is no graphics card; asked of a window that was drawn."""
        if any(name in self.plotter.render_window.ReportCapabilities() for name in SOFTWARE):
            self.plotter.render_window.SetMultiSamples(0)

    def screenshot(self, path: Path) -> Path:
        """Write what the window shows, with smooth edges."""
        window = self.plotter.render_window
        samples = window.GetMultiSamples()
        window.SetMultiSamples(SAMPLES)
        self.render()
        pixels = self.plotter.screenshot(return_img=True)
        window.SetMultiSamples(samples)
        picture.save_pixels(pixels, path)
        return path

    def _changed(self) -> None:
        self.render()
        for each in self.on_change:
            each()

    def _draw_panel(self, panel: int, layers: list[Layer]) -> None:
        self.layers[panel] = layers
        self.plotter.subplot(0, panel + 1)
        self.plotter.remove_actor(self.actors[panel], reset_camera=False, render=False)
        self.actors[panel] = add_layers(self.plotter, [layer for layer in layers if layer.opacity == 1])
        for layer in layers:
            if layer.opacity < 1:
                for actor in add_layers(self.plotter, [layer]):
                    actor.prop.opacity = layer.opacity
                    actor.prop.culling = "back"
                    self.actors[panel].append(actor)
        self._cut_panel(panel)

    def show_step(self, step: int) -> None:
        """Go to a month; beyond the last one to the first."""
        self.step = step % len(self.contents.months)
        self.draw(progress=True)

    def colour_by(self, choice: int) -> None:
        """Take another colouring."""
        if 0 <= choice < len(self.contents.choices) and choice != self.choice:
            self.choice = choice
            self.draw(progress=True)

    def slide(self, done: bool) -> None:
        """Follow the slider to the nearest month; while it is held, only to bones that are there already."""
        months = np.asarray(self.contents.months)
        step = int(np.argmin(np.abs(months - self.time_slider.GetRepresentation().GetValue())))
        ready = all(self.contents.is_ready(panel, step, self.choice) for panel in range(len(self.panels)))
        if done or (ready and step != self.step):
            self.show_step(step)
        else:
            self.furniture.month.actor.SetInput(f"Month {months[step]:g}")

    # The cut.

    def cut(self, on: bool | None = None, axis: int | None = None, share: float | None = None) -> None:
        """Cut the bone across an axis at a share of its length and take away the part nearer the eye, or stop it."""
        was_cut, self.is_cut = self.is_cut, self.is_cut if on is None else on
        self.cut_axis = self.cut_axis if axis is None else axis
        self.cut_share = self.cut_share if share is None else min(max(share, 0.0), 1.0)
        camera = self.panels[0].camera
        towards = (np.asarray(camera.position) - np.asarray(camera.focal_point))[self.cut_axis]
        # VTK keeps what lies on the side of the normal.
        self.plane.SetNormal(*(np.eye(3)[self.cut_axis] * (-1.0 if towards > 0 else 1.0)))
        self.plane.SetOrigin(*(np.eye(3)[self.cut_axis] * self.cut_share * self.view.size[self.cut_axis]))
        (self.cut_slider.On if self.is_cut else self.cut_slider.Off)()
        for panel in range(len(self.panels)) if was_cut != self.is_cut else ():
            self._cut_panel(panel)
        self._write_cut()
        self._changed()

    def _cut_panel(self, panel: int) -> None:
        self.plotter.remove_actor(self.fillings[panel], reset_camera=False, render=False)
        self.plotter.subplot(0, panel + 1)
        plane = self.plane if self.is_cut else None
        self.fillings[panel] = cut_actors(self.plotter, self.actors[panel], self.layers[panel], plane)

    def slide_cut(self) -> None:
        """Follow the slider of the cut."""
        self.cut(share=self.cut_slider.GetRepresentation().GetValue())

    # Keys, clicks, time.

    def press(self, key: str) -> None:
        """Do what a key is for."""
        keys.press(self, key)

    def go_back(self) -> None:
        """Look again from where all pictures are drawn."""
        self.reset_camera()
        self._changed()

    def toggle_keys(self) -> None:
        """Show what keys do, or not."""
        self.keys_shown = not self.keys_shown
        self.write()
        self._changed()

    def tell(self, message: str) -> None:
        """Say a line in the column."""
        self.message = message
        self.write()
        self._changed()

    def play(self) -> None:
        """Go from month to month, or stop."""
        if len(self.contents.months) < 2:
            return
        if self.timer is not None:
            self.interactor.DestroyTimer(self.timer)
            self.timer = None
        else:
            self.timer = self.interactor.CreateOneShotTimer(1)

    def _tick(self) -> None:
        if self.timer is not None:
            self.show_step(self.step + 1)
            # One after the other: a repeating timer piles up where a bone takes longer than its time.
            self.timer = self.interactor.CreateOneShotTimer(PLAY_MS)

    def close(self) -> None:
        """Leave the window."""
        self.timer = None
        self.interactor.TerminateApp()
