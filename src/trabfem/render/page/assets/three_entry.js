export {
  WebGLRenderer, Scene, OrthographicCamera, BufferGeometry, BufferAttribute, Mesh, LineSegments, LineBasicMaterial,
  ShaderMaterial, DataTexture, RGBAFormat, LinearFilter, NearestFilter, ClampToEdgeWrapping, Vector3, Color, Plane,
  DoubleSide, FrontSide, MOUSE, TOUCH
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
