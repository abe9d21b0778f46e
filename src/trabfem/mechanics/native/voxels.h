/* The operator K u at one node, which gathers its own force: included once a precision by device.cu.
 *
 *   f_i(n) = sum over the neighbours n + d, and j, of K_0|d|^ij (sum over the elements of both of r_i r_j E) u_j(n + d)
 *
 * A brick is its own mirror image: seen from corner a its 24 x 24 matrix is K_ab^ij = r_i r_j K_0,(a xor b)^ij, with r = -1 on
 * the axes where a is the upper corner, so three rows of it are enough. `shared` has the sums of moduli: along each axis the
 * lower element, the upper one, both, or the upper less the lower one. */

KERNEL(VOXELS, Nodes) {
  REAL *f = (REAL *)p->f + 3 * i;
  int around = p->around[i];
  if (!around) {
    f[0] = f[1] = f[2] = 0;
    return;
  }
  Column here = column_of(p, i);
  int64_t column[3][3];
  REAL shared[4][4][4];
  UNROLL for (int x = 0; x < 3; x++)
    UNROLL for (int y = 0; y < 3; y++) {
      Word word = {0, 0, 0, 0};
      if (around & octants_at(x, y)) word = p->ranks[here.word + ((x - 1) * (int64_t)p->rows + y - 1) * p->words];
      column[x][y] = (int64_t)word.nodes_before + POPCOUNT(word.nodes & here.below);
      if (x < 2 && y < 2) {
        int64_t upper = (int64_t)word.voxels_before + POPCOUNT(word.voxels & here.below);
        REAL low = around >> (4 * x + 2 * y) & 1 ? p->modulus[upper - 1] : 0;
        REAL high = around >> (4 * x + 2 * y) & 2 ? p->modulus[upper] : 0;
        shared[x][y][0] = low;
        shared[x][y][1] = high;
        shared[x][y][2] = low + high;
        shared[x][y][3] = high - low;
      }
    }
  UNROLL for (int z = 0; z < 4; z++) {
    UNROLL for (int x = 0; x < 2; x++) {
      shared[x][2][z] = shared[x][0][z] + shared[x][1][z];
      shared[x][3][z] = shared[x][1][z] - shared[x][0][z];
    }
    UNROLL for (int y = 0; y < 4; y++) {
      shared[2][y][z] = shared[0][y][z] + shared[1][y][z];
      shared[3][y][z] = shared[1][y][z] - shared[0][y][z];
    }
  }
  const REAL *u = (const REAL *)p->u, *stiffness = (const REAL *)p->stiffness;
  REAL total[3] = {0, 0, 0};
  UNROLL for (int kind = 0; kind < 8; kind++) {
    int far[3] = {kind >> 2, kind >> 1 & 1, kind & 1};
    REAL part[3][3] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
    UNROLL for (int side = 0; side < 8; side++) {
      int up[3] = {side >> 2, side >> 1 & 1, side & 1};
      if (side & ~kind) continue;
      int plain[3], offset[3];
      UNROLL for (int axis = 0; axis < 3; axis++) {
        plain[axis] = far[axis] ? up[axis] : 2;
        offset[axis] = far[axis] ? 2 * up[axis] - 1 : 0;
      }
      if (!(shared[plain[0]][plain[1]][plain[2]] > 0)) continue;
      const REAL *node = u + 3 * (column[offset[0] + 1][offset[1] + 1] + offset[2]);
      UNROLL for (int j = 0; j < 3; j++) {
        REAL value = node[j];
        UNROLL for (int row = 0; row < 3; row++) {
          int turned[3], negative = 0;
          UNROLL for (int axis = 0; axis < 3; axis++) {
            int flips = row != j && (axis == row || axis == j);
            turned[axis] = flips && !far[axis] ? 3 : plain[axis];
            negative ^= flips && offset[axis] < 0;
          }
          REAL weight = shared[turned[0]][turned[1]][turned[2]];
          part[row][j] += (negative ? -weight : weight) * value;
        }
      }
    }
    UNROLL for (int row = 0; row < 3; row++)
      UNROLL for (int j = 0; j < 3; j++) total[row] += stiffness[24 * row + 3 * kind + j] * part[row][j];
  }
  UNROLL for (int row = 0; row < 3; row++) f[row] = total[row];
}
