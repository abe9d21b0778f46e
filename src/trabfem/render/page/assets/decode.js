// Packed surfaces to arrays; `packing.py` says how they are packed.

async function inflate(name) {
  const text = atob(document.getElementById(name).textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function unfold(number) {
  return number & 1 ? -((number + 1) >> 1) : number >> 1;
}

function undoDifferences(bytes) {
  const values = new Uint8Array(bytes.length);
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) values[i] = sum = (sum + bytes[i]) & 255;
  return values;
}

// Points in mm, corners of triangles, smooth normals, and each attribute by name.
async function decodeSurface(name, size, attributes) {
  const bytes = await inflate(name);
  const [count, triangles] = new Uint32Array(bytes.slice(0, 8).buffer);
  const points = new Float32Array(3 * count);
  let at = 8;
  for (let axis = 0; axis < 3; axis++) {
    const step = size[axis] / 4095;
    let place = 0;
    for (let i = 0; i < count; i++) {
      place += unfold(bytes[at + i] | (bytes[at + count + i] << 8));
      points[3 * i + axis] = place * step;
    }
    at += 2 * count;
  }
  const length = 3 * triangles;
  const corners = new Uint32Array(length);
  let unused = 0;
  for (let i = 0; i < length; i++) {
    const below = bytes[at + i] | (bytes[at + length + i] << 8) | (bytes[at + 2 * length + i] << 16);
    corners[i] = unused - below;
    if (below === 0) unused++;
  }
  at += 3 * length;
  const values = {};
  for (const each of attributes) {
    values[each] = undoDifferences(bytes.subarray(at, at + count));
    at += count;
  }
  return { points, corners, normals: smoothNormals(points, corners), values };
}

async function decodeValues(name) {
  return undoDifferences(await inflate(name));
}

// Means of the normals of the triangles around a point, weighted with their areas.
function smoothNormals(points, corners) {
  const normals = new Float32Array(points.length);
  for (let t = 0; t < corners.length; t += 3) {
    const [a, b, c] = [3 * corners[t], 3 * corners[t + 1], 3 * corners[t + 2]];
    const ux = points[b] - points[a], uy = points[b + 1] - points[a + 1], uz = points[b + 2] - points[a + 2];
    const vx = points[c] - points[a], vy = points[c + 1] - points[a + 1], vz = points[c + 2] - points[a + 2];
    const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
    for (const corner of [a, b, c]) {
      normals[corner] += x;
      normals[corner + 1] += y;
      normals[corner + 2] += z;
    }
  }
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1;
    normals[i] /= length;
    normals[i + 1] /= length;
    normals[i + 2] /= length;
  }
  return normals;
}
