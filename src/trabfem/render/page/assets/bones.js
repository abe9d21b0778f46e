// The bones in 3-D: one canvas behind all panels, one camera, so that they turn together.

const VERTEX = `
  attribute float light;
  attribute float value;
  attribute float gap;
  varying vec3 vNormal;
  varying vec3 vPlace;
  varying float vLight;
  varying float vValue;
  varying float vGap;
  void main() {
    vNormal = normalMatrix * normal;
    vPlace = position;
    vLight = light;
    vValue = value;
    vGap = gap;
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  }`;

// Lights stand still relative to the eye, as in the still pictures. Where a cut opens the bone, its inside is seen: it
// takes one plain colour, which looks like a cut face.
const FRAGMENT = `
  uniform sampler2D colours;
  uniform vec4 cut;
  uniform vec3 plain;
  uniform vec3 gained;
  uniform float above;
  uniform float mode;
  uniform float leastGap;
  varying vec3 vNormal;
  varying vec3 vPlace;
  varying float vLight;
  varying float vValue;
  varying float vGap;
  float lamp(vec3 n, vec3 from, float strength) { return strength * max(dot(n, normalize(from)), 0.0); }
  void main() {
    if (dot(cut.xyz, vPlace) > cut.w) discard;
    if (mode > 1.5 && vGap < leastGap) discard;
    vec3 colour = mode > 1.5 ? plain : mode > 0.5
      ? mix(plain, gained, smoothstep(above - 0.08, above + 0.08, vValue))
                                                   : texture2D(colours, vec2(vValue, 0.5)).rgb;
    if (!gl_FrontFacing && mode < 1.5) { gl_FragColor = vec4(0.62, 0.6, 0.56, 1.0); return; }
    vec3 n = normalize(gl_FrontFacing ? vNormal : -vNormal);
    float lit = 0.28 + lamp(n, vec3(-0.45, 0.5, 1.0), 0.6) + lamp(n, vec3(0.9, 0.1, 0.9), 0.3)
              + lamp(n, vec3(0.0, -0.8, 0.6), 0.1);
    float open = 1.0 - 0.75 * clamp(1.0 - vLight / 0.75, 0.0, 1.0);
    gl_FragColor = vec4(min(colour * lit * open, 1.0), mode > 1.5 ? 0.5 : 1.0);
  }`;

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
}

function colourTexture(colours) {
  const bytes = new Uint8Array(colours.flatMap((hex) => [...rgb(hex).map((part) => Math.round(255 * part)), 255]));
  const texture = new THREE.DataTexture(bytes, colours.length, 1, THREE.RGBAFormat);
  texture.minFilter = texture.magFilter = THREE.LinearFilter;
  texture.needsUpdate = true;
  return texture;
}

class Bones {
  constructor(model, grid, panels, onTurn) {
    Object.assign(this, { model, grid, panels, onTurn });
    this.surfaces = new Map();
    this.textures = new Map(model.fields.map((field) => [field.name, colourTexture(field.colours)]));
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    grid.prepend(this.canvas);
    this.renderer = new THREE.WebGLRenderer({ canvas: this.canvas, antialias: true, alpha: true,
                                              preserveDrawingBuffer: true });
    this.renderer.setClearColor(0xffffff, 0);
    this.renderer.autoClear = false;
    this.middle = new THREE.Vector3(...model.size.map((side) => side / 2));
    this.reach = Math.hypot(...model.size);
    this.camera = new THREE.OrthographicCamera(-1, 1, 1, -1, 0.01, 10 * this.reach);
    this.camera.up.set(0, 0, 1);
    this.controls = new THREE.OrbitControls(this.camera, grid);
    // A finger that moves up or down scrolls the page; sideways it turns the bones, two fingers zoom.
    grid.style.touchAction = "pan-y";
    this.controls.enablePan = true;
    this.controls.minZoom = 0.5;
    this.controls.maxZoom = 20;
    this.controls.addEventListener("change", () => this.draw());
    grid.addEventListener("wheel", (event) => {
      // The page scrolls past the bones unless somebody is at work with them.
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== grid) event.stopImmediatePropagation();
    }, { capture: true });
    this.cut = { axis: -1, share: 1, flip: false };
    this.views = panels.map(() => this.makeView());
    this.lookFrom();
    new ResizeObserver(() => this.draw()).observe(grid);
    this.draws = 0;
  }

  makeView() {
    const shared = () => ({
      colours: { value: null }, cut: { value: [0, 0, 0, 1] }, plain: { value: rgb(this.model.colours.bone) },
      gained: { value: rgb(this.model.colours.gained) }, above: { value: 0 }, mode: { value: 0 },
      leastGap: { value: this.model.gap / this.model.gap_range },
    });
    const material = new THREE.ShaderMaterial({
      uniforms: shared(), vertexShader: VERTEX, fragmentShader: FRAGMENT, side: THREE.DoubleSide,
    });
    const glass = new THREE.ShaderMaterial({
      uniforms: shared(), vertexShader: VERTEX, fragmentShader: FRAGMENT, side: THREE.DoubleSide, transparent: true,
      depthWrite: false,
    });
    glass.uniforms.mode.value = 2;
    glass.uniforms.plain.value = rgb(this.model.colours.lost);
    const scene = new THREE.Scene();
    const bone = new THREE.Mesh(new THREE.BufferGeometry(), material);
    const lost = new THREE.Mesh(new THREE.BufferGeometry(), glass);
    lost.renderOrder = 1;
    bone.frustumCulled = lost.frustumCulled = false;
    lost.visible = false;
    scene.add(bone, lost, this.makeFrame());
    return { scene, bone, lost };
  }

  makeFrame() {
    const [x, y, z] = this.model.size;
    const corners = [[0, 0, 0], [x, 0, 0], [x, y, 0], [0, y, 0], [0, 0, z], [x, 0, z], [x, y, z], [0, y, z]];
    const edges = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];
    const places = new Float32Array(edges.flatMap(([a, b]) => [...corners[a], ...corners[b]]));
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
    const lines = new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: 0xb9b9b9 }));
    lines.frustumCulled = false;
    return lines;
  }

  // The view of the still pictures: azimuth −58°, 24° from above.
  lookFrom(azimuth = -58, elevation = 24) {
    const [a, e] = [azimuth * Math.PI / 180, elevation * Math.PI / 180];
    this.camera.position.set(Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e))
      .multiplyScalar(3 * this.reach).add(this.middle);
    this.controls.target.copy(this.middle);
    this.camera.zoom = 1;
    this.camera.updateProjectionMatrix();
    this.controls.update();
  }

  turn(sideways, upwards) {
    const offset = this.camera.position.clone().sub(this.controls.target);
    const azimuth = Math.atan2(offset.y, offset.x) + sideways;
    const elevation = Math.asin(offset.z / offset.length()) + upwards;
    const e = Math.max(-1.5, Math.min(1.5, elevation));
    offset.set(Math.cos(e) * Math.cos(azimuth), Math.cos(e) * Math.sin(azimuth), Math.sin(e))
      .multiplyScalar(3 * this.reach);
    this.camera.position.copy(this.controls.target).add(offset);
    this.controls.update();
    this.draw();
  }

  zoom(factor) {
    this.camera.zoom = Math.max(0.5, Math.min(20, this.camera.zoom * factor));
    this.camera.updateProjectionMatrix();
    this.controls.update();
    this.draw();
  }

  surface(name) {
    if (!this.surfaces.has(name)) {
      this.surfaces.set(name, decodeSurface(name, this.model.size, this.model.attributes));
    }
    return this.surfaces.get(name);
  }

  gap(name) {
    if (!this.surfaces.has(name)) this.surfaces.set(name, decodeValues(name));
    return this.surfaces.get(name);
  }

  // Show the bones that `chosen` names for each panel, coloured by `field`.
  async show(chosen, field) {
    const round = (this.round = (this.round || 0) + 1);
    const known = await Promise.all(chosen.map(async (bone) => ({
      surface: await this.surface(bone.surface),
      start: bone.gap ? await this.surface(bone.start) : null,
      gap: bone.gap ? await this.gap(bone.gap) : null,
    })));
    if (round !== this.round) return;
    const byChange = field === "change";
    const own = byChange ? "shift" : field;
    const shows = byChange || this.model.fields.find((each) => each.name === field).lost;
    known.forEach(({ surface, start, gap }, place) => {
      const { bone, lost } = this.views[place];
      setGeometry(bone.geometry, surface, surface.values[own], null);
      bone.material.uniforms.colours.value = this.textures.get(own);
      bone.material.uniforms.mode.value = byChange ? 1 : 0;
      bone.material.uniforms.above.value = 0.5 + 0.5 * Math.min(this.model.gap / this.model.shift_limit, 0.98);
      lost.visible = Boolean(gap) && shows;
      if (lost.visible) setGeometry(lost.geometry, start, start.values[own], gap);
    });
    this.draw();
  }

  setCut(axis, share, flip) {
    this.cut = { axis, share, flip };
    const plane = [0, 0, 0, 1e9];
    if (axis >= 0) {
      // What lies between the plane and the first view is taken away: large x, small y, large z.
      const sign = (axis === 1) !== flip ? -1 : 1;
      plane[axis] = sign;
      plane[3] = sign * share * this.model.size[axis];
    }
    for (const { bone, lost } of this.views) {
      bone.material.uniforms.cut.value = plane;
      lost.material.uniforms.cut.value = plane;
    }
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.drawNow();
    });
  }

  drawNow() {
    const box = this.grid.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2, 4096 / box.height, 4096 / box.width);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    if (this.width !== box.width || this.height !== box.height) {
      [this.width, this.height] = [box.width, box.height];
      this.renderer.setSize(box.width, box.height);
    }
    this.renderer.setScissorTest(false);
    this.renderer.clear();
    this.renderer.setScissorTest(true);
    this.panels.forEach((panel, place) => {
      const own = panel.getBoundingClientRect();
      const [left, bottom] = [own.left - box.left, box.bottom - own.bottom];
      this.renderer.setViewport(left, bottom, own.width, own.height);
      this.renderer.setScissor(left, bottom, own.width, own.height);
      const half = 0.46 * this.reach;
      const wide = own.width / own.height;
      const [across, up] = wide > 1 ? [half * wide, half] : [half, half / wide];
      Object.assign(this.camera, { left: -across, right: across, top: up, bottom: -up });
      this.camera.updateProjectionMatrix();
      this.pixels = own.width / (2 * across) * this.camera.zoom;
      this.renderer.render(this.views[place].scene, this.camera);
    });
    this.draws++;
    this.onTurn(this);
  }

  // On paper panels have other sizes than on the screen: each keeps a picture of its own.
  keepForPrint() {
    this.drawNow();
    const box = this.grid.getBoundingClientRect(), ratio = this.canvas.width / box.width;
    for (const panel of this.panels) {
      const own = panel.getBoundingClientRect();
      const piece = document.createElement("canvas");
      [piece.width, piece.height] = [Math.round(own.width * ratio), Math.round(own.height * ratio)];
      const [left, top] = [Math.round((own.left - box.left) * ratio), Math.round((own.top - box.top) * ratio)];
      piece.getContext("2d").drawImage(this.canvas, -left, -top);
      piece.className = "printed";
      panel.replaceChildren(piece);
    }
  }

  // Where an axis of the block points on the screen, right and up.
  project(axis) {
    const direction = new THREE.Vector3(...[0, 1, 2].map((each) => (each === axis ? 1 : 0)));
    direction.applyQuaternion(this.camera.quaternion.clone().invert());
    return [direction.x, direction.y];
  }
}

function setGeometry(geometry, surface, values, gap) {
  const none = () => new Uint8Array(surface.values.light.length);
  geometry.setAttribute("position", new THREE.BufferAttribute(surface.points, 3));
  geometry.setAttribute("normal", new THREE.BufferAttribute(surface.normals, 3));
  geometry.setAttribute("light", new THREE.BufferAttribute(surface.values.light, 1, true));
  geometry.setAttribute("value", new THREE.BufferAttribute(values || none(), 1, true));
  geometry.setAttribute("gap", new THREE.BufferAttribute(gap || none(), 1, true));
  geometry.setIndex(new THREE.BufferAttribute(surface.corners, 1));
}
