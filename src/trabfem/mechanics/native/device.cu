/* The solver's inner loops for a GPU: one thread an item, sizes at run time, so that they are compiled once for all meshes.
 *
 * Each has a twin in plain JAX and one for CPUs in kernels.c. Sums run over lists in ascending order, never by atomic
 * additions of floating-point numbers: the same input gives the same bits. */

#include "shared.h"

typedef struct {
  const int16_t *nodes;   /* lattice positions */
  const uint8_t *around;  /* which of the eight voxels around a node are solid */
  const Word *ranks;      /* see HexMesh.ranks */
  const float *modulus;
  const void *stiffness, *u;
  void *f;
  int32_t rows, words;    /* lattice nodes along y; words along z */
} Nodes;

/* Where the column of a node along z stands in `ranks`, and the bits of positions below the node. */
typedef struct {
  uint32_t below;
  int64_t word;
} Column;

DEVICE Column column_of(const Nodes *p, int64_t i) {
  int z = p->nodes[3 * i + 2];
  Column column = {(1u << (z & 31)) - 1, ((int64_t)p->nodes[3 * i] * p->rows + p->nodes[3 * i + 1]) * p->words + (z >> 5)};
  return column;
}

/* Octants of `around` that touch the column at (x - 1 + dx, y - 1 + dy). */
DEVICE int octants_at(int dx, int dy) {
  int x = dx == 1 ? 0xff : dx ? 0xf0 : 0x0f, y = dy == 1 ? 0xff : dy ? 0xcc : 0x33;
  return x & y;
}

/* Sum of the moduli around node i. */
KERNEL(sum_moduli, Nodes) {
  float sum = 0;
  int around = p->around[i];
  if (around) {
    Column column = column_of(p, i);
    for (int x = 0; x < 2; x++)
      for (int y = 0; y < 2; y++) {
        int two = around >> (4 * x + 2 * y) & 3;
        if (!two) continue;
        Word word = p->ranks[column.word + ((x - 1) * (int64_t)p->rows + y - 1) * p->words];
        int64_t upper = (int64_t)word.voxels_before + POPCOUNT(word.voxels & column.below);
        if (two & 1) sum += p->modulus[upper - 1];
        if (two & 2) sum += p->modulus[upper];
      }
  }
  ((float *)p->f)[i] = sum;
}

/* ---- The fine operator, in both precisions ---------------------------------------------------------------------------- */

#define REAL float
#define VOXELS voxels_of_floats
#include "voxels.h"
#undef REAL
#undef VOXELS
#define REAL double
#define VOXELS voxels_of_doubles
#include "voxels.h"

/* ---- Coarse elements -------------------------------------------------------------------------------------------------- */

typedef struct {
  const int32_t *conn, *count;
  const int32_t *which;   /* elements that have a matrix of their own; NULL: all */
  const void *data;       /* moduli of eight children; or packed matrices */
  const float *form, *u;  /* `form` of blocks; or units of matrices */
  float *corners;         /* forces, 24 planes of `room` */
  int64_t room;
} Product;

DEVICE void load_modes(const Product *p, int64_t e, float *t) {
  UNROLL for (int a = 0; a < 8; a++) {
    const float *node = p->u + 3 * (int64_t)p->conn[8 * e + a];
    UNROLL for (int c = 0; c < 3; c++) t[3 * a + c] = node[c];
  }
}

/* t = H u in place: sums and differences along each axis. */
DEVICE void transform(float *t) {
  UNROLL for (int bit = 1; bit < 8; bit *= 2)
    UNROLL for (int a = 0; a < 8; a++)
      if (!(a & bit))
        UNROLL for (int c = 0; c < 3; c++) {
          float low = t[3 * a + c], high = t[3 * (a | bit) + c];
          t[3 * a + c] = low + high;
          t[3 * (a | bit) + c] = low - high;
        }
}

DEVICE void walsh(float *sums) {
  UNROLL for (int bit = 1; bit < 8; bit *= 2)
    UNROLL for (int o = 0; o < 8; o++)
      if (!(o & bit)) {
        float low = sums[o], high = sums[o | bit];
        sums[o] = low + high;
        sums[o | bit] = low - high;
      }
}

DEVICE void store_forces(const Product *p, int64_t e, float *y) {
  transform(y);
  UNROLL for (int k = 0; k < 24; k++) p->corners[k * p->room + e] = y[k];
}

/* Block i of eight voxels: A_jk = sums[p_j ^ p_k] form_jk. */
KERNEL(block_forces, Product) {
  if (i >= *p->count) return;
  float t[24], y[24], sums[8];
  load_modes(p, i, t);
  transform(t);
  UNROLL for (int o = 0; o < 8; o++) sums[o] = ((const float *)p->data)[8 * i + o];
  walsh(sums);
  UNROLL for (int row = 0; row < 24; row++) {
    float total = 0;
    if (row >= 3)
      UNROLL for (int k = 0; k < 8; k++) {
        float part = 0;
        UNROLL for (int c = 0; c < 3; c++) {
          int column = 3 * (parity(row) ^ k ^ (4 >> c)) + c;
          if (column >= 3) part += p->form[24 * row + column] * t[column];
        }
        total += sums[k] * part;
      }
    y[row] = total;
  }
  store_forces(p, i, y);
}

/* A 16-bit number as a float: as the low bits of 2^23, which is cheaper than a conversion. */
#ifdef __CUDACC__
DEVICE float number_of(int16_t entry) { return __int_as_float(0x4b000000 | ((uint32_t)(int32_t)entry & 0xffff ^ 0x8000)) - 8421376.0f; }
#else
DEVICE float number_of(int16_t entry) { return entry; }
#endif

/* Element `which[i]`, or i, with matrix i of its own. */
KERNEL(matrix_forces, Product) {
  if (i >= *p->count) return;
  int64_t e = p->which ? p->which[i] : i;
  const int16_t *entry = (const int16_t *)p->data + TOGETHER * ENTRIES * (i / TOGETHER) + i % TOGETHER;
  float t[24], y[24], unit = p->form[i];
  load_modes(p, e, t);
  transform(t);
  UNROLL for (int k = 0; k < 24; k++) y[k] = 0;
  UNROLL for (int row = 0; row < 24; row++) {
    y[row] += number_of(entry[0]) * t[row];
    entry += TOGETHER;
    UNROLL for (int k = row + 1; k < 24; k++, entry += TOGETHER) {
      float number = number_of(*entry);
      y[row] += number * t[k];
      y[k] += number * t[row];
    }
  }
  UNROLL for (int k = 0; k < 24; k++) y[k] *= unit;
  store_forces(p, e, y);
}

typedef struct {
  const float *values;            /* of corner 3 a + c of element e: values[e * element + (3 a + c) * corner] */
  int64_t element, corner;
  const int32_t *starts, *list;   /* corners 8 e + a of every vertex */
  float *out;
} Gather;

/* Sum over the element corners of vertex i. */
KERNEL(gather_corners, Gather) {
  float sum[3] = {0, 0, 0};
  for (int32_t k = p->starts[i]; k < p->starts[i + 1]; k++) {
    const float *from = p->values + (p->list[k] >> 3) * p->element + 3 * (p->list[k] & 7) * p->corner;
    UNROLL for (int c = 0; c < 3; c++) sum[c] += from[c * p->corner];
  }
  UNROLL for (int c = 0; c < 3; c++) p->out[3 * i + c] = sum[c];
}

/* ---- Interpolation between levels -------------------------------------------------------------------------------------- */

typedef struct {
  const int32_t *slot, *conn;
  const int32_t *starts, *list;   /* nodes of every parent */
  const float *in;
  float *out;
  int64_t room;
} Interpolation;

/* Weight of a corner at one of the 27 places of a block. */
DEVICE float weight_of(int corner, int place) {
  int x = place / 9, y = place / 3 % 3, z = place % 3;
  return 0.125f * (corner & 4 ? x : 2 - x) * (corner & 2 ? y : 2 - y) * (corner & 1 ? z : 2 - z);
}

/* Node i from the vertices of its parent. */
KERNEL(interpolate, Interpolation) {
  float sum[3] = {0, 0, 0};
  int place = p->slot[i] % 27;
  const int32_t *conn = p->conn + 8 * (int64_t)(p->slot[i] / 27);
  for (int corner = 0; corner < 8; corner++) {
    float weight = weight_of(corner, place);
    if (weight > 0) {
      const float *vertex = p->in + 3 * (int64_t)conn[corner];
      for (int c = 0; c < 3; c++) sum[c] += weight * vertex[c];
    }
  }
  for (int c = 0; c < 3; c++) p->out[3 * i + c] = sum[c];
}

/* Corner i % 8 of parent i / 8 from the nodes of the parent, in 24 planes as element forces. */
KERNEL(restrict_nodes, Interpolation) {
  int64_t parent = i / 8;
  int corner = (int)(i % 8);
  float sum[3] = {0, 0, 0};
  for (int32_t k = p->starts[parent]; k < p->starts[parent + 1]; k++) {
    int64_t node = p->list[k];
    float weight = weight_of(corner, p->slot[node] % 27);
    if (weight > 0)
      for (int c = 0; c < 3; c++) sum[c] += weight * p->in[3 * node + c];
  }
  for (int c = 0; c < 3; c++) p->out[(3 * corner + c) * p->room + parent] = sum[c];
}

/* ---- Galerkin products -------------------------------------------------------------------------------------------------- */

typedef struct {
  const int32_t *octant, *parents;        /* of children; how many parents */
  const int32_t *starts, *children;
  const int32_t *place;                   /* of every child among those with a matrix of their own, -1 if it has none */
  const float *moduli, *form;             /* of children without; NULL: all have a matrix */
  const int16_t *entries;
  const float *unit;
  float *out;
} Condensation;

/* Entry `entry` of the sum of S^T A S over the children of a parent, with
 * i = (300 (parent / 16) + entry) 16 + parent % 16. */
KERNEL(condense, Condensation) {
  int64_t parent = i / (TOGETHER * ENTRIES) * TOGETHER + i % TOGETHER;
  int entry = (int)(i / TOGETHER % ENTRIES), row = 0, column;
  float total = 0;
  while (entry >= 24 - row) entry -= 24 - row++;
  column = row + entry;
  int m = row / 3, n = column / 3, c = row % 3, d = column % 3;
  if (parent < *p->parents)
    for (int32_t k = p->starts[parent]; k < p->starts[parent + 1]; k++) {
      int64_t child = p->children[k], own = p->place ? p->place[child] : child;
      int octant = p->octant[child];
      float sums[8], sum = 0;
      if (own < 0) {
        for (int o = 0; o < 8; o++) sums[o] = p->moduli[8 * child + o];
        walsh(sums);
      }
      const int16_t *packed = p->entries + TOGETHER * ENTRIES * (own < 0 ? 0 : own / TOGETHER) + own % TOGETHER;
      /* Modes of the child that follow from a mode of its parent: those with a part of its bits. */
      for (int left = m;; left = (left - 1) & m) {
        for (int right = n;; right = (right - 1) & n) {
          int a = 3 * left + c, b = 3 * right + d;
          float value = own < 0 ? sums[parity(a) ^ parity(b)] * p->form[24 * a + b] : (float)packed[TOGETHER * entry_of(a, b)];
          sum += sign_of(((m ^ left) & octant) << 3 | ((n ^ right) & octant)) * value;
          if (!right) break;
        }
        if (!left) break;
      }
      if (own >= 0) sum *= p->unit[own];
      total += sum / (float)(1 << (POPCOUNT(m) + POPCOUNT(n)));
    }
  p->out[i] = total;
}

/* ---- Connectivity-split coarsening (see splitting.py): union and find by atomic operations ----------------------------- */

typedef struct {
  const int32_t *conn, *count;
  const int16_t *cell;
  int32_t paired;                 /* whether conn has the lower nodes of four pairs along z */
  int32_t *parent, *corner;       /* of elements; of corners of parents: trees, then numbers */
  int32_t *seen, *rank;           /* smallest item at a node's place; numbers of roots */
  int32_t *found;                 /* parents, vertices */
  int32_t *octant, *slot, *coarse_conn;
  int16_t *coarse_cell, *coarse_nodes;
  int64_t rooms[2];               /* for parents and for vertices */
} Split;

DEVICE int64_t node_at(const Split *p, int64_t e, int a) {
  return p->paired ? (int64_t)p->conn[4 * e + a / 2] + a % 2 : p->conn[8 * e + a];
}

DEVICE int32_t find(int32_t *tree, int32_t item) {
  volatile int32_t *at = tree;
  while (at[item] != item) item = at[item];
  return item;
}

/* The smaller number becomes the root. */
DEVICE void unite(int32_t *tree, int32_t one, int32_t other) {
  for (;;) {
    one = find(tree, one);
    other = find(tree, other);
    if (one == other) return;
    int32_t low = one < other ? one : other, high = one < other ? other : one;
    if (EXCHANGE(tree + high, high, low)) return;
  }
}

/* Where element e meets others of its block at its corner a. */
DEVICE int64_t place_in_block(const Split *p, int64_t e, int a) {
  int upper = 0;
  for (int axis = 0; axis < 3; axis++)
    if (!(p->cell[3 * e + axis] & 1) && !(a & (4 >> axis))) upper |= 4 >> axis;
  return 8 * node_at(p, e, a) + upper;
}

DEVICE int octant_of(const Split *p, int64_t e) {
  return (p->cell[3 * e] & 1) << 2 | (p->cell[3 * e + 1] & 1) << 1 | (p->cell[3 * e + 2] & 1);
}

KERNEL(begin_parents, Split) { p->parent[i] = (int32_t)i; }
KERNEL(see_elements, Split) {
  if (i < *p->count)
    for (int a = 0; a < 8; a++) LEAST(p->seen + place_in_block(p, i, a), (int32_t)i);
}
KERNEL(unite_elements, Split) {
  if (i < *p->count)
    for (int a = 0; a < 8; a++) unite(p->parent, (int32_t)i, p->seen[place_in_block(p, i, a)]);
}
KERNEL(mark_parents, Split) { p->rank[i] = i < *p->count && p->parent[i] == i; }
/* rank: how many roots come before. Idle elements belong to the last parent. */
KERNEL(flatten_parents, Split) {
  if (i < *p->count) {
    int32_t root = find(p->parent, (int32_t)i);
    if (root != i) p->parent[i] = root;
  }
}
KERNEL(number_parents, Split) {
  /* The tree is flat: a root is its own, so that it can still be told from the others' numbers in `octant`. */
  p->octant[i] = i < *p->count ? p->rank[p->parent[i]] : (int32_t)p->rooms[0] - 1;
}
KERNEL(keep_parents, Split) {
  p->parent[i] = p->octant[i];
  p->octant[i] = i < *p->count ? octant_of(p, i) : 0;
}

/* The k-th of the 27 pairs of a child's node and a coarse corner; the place at the node, or -1 at the centre of the block. */
DEVICE int64_t place_at_vertex(const Split *p, int64_t e, int k, int *vertex) {
  int which[3] = {k / 9, k / 3 % 3, k % 3}, node = 0, above = 0;
  *vertex = 0;
  if (which[0] && which[1] && which[2]) return -1;
  for (int axis = 0; axis < 3; axis++) {
    int odd = p->cell[3 * e + axis] & 1, bit = 4 >> axis, w = which[axis];
    if (odd ? w == 0 : w != 0) node |= bit;
    if (odd ? w != 1 : w == 2) *vertex |= bit;
    if (w == 2) above |= bit;
  }
  return 8 * node_at(p, e, node) + above;
}

KERNEL(begin_vertices, Split) { p->corner[i] = (int32_t)i; }
KERNEL(see_corners, Split) {
  if (i >= *p->count || p->parent[i] >= p->rooms[0]) return;
  for (int k = 0, vertex; k < 27; k++) {
    int64_t place = place_at_vertex(p, i, k, &vertex);
    if (place >= 0) LEAST(p->seen + place, 8 * p->parent[i] + vertex);
  }
}
KERNEL(unite_corners, Split) {
  if (i >= *p->count || p->parent[i] >= p->rooms[0]) return;
  for (int k = 0, vertex; k < 27; k++) {
    int64_t place = place_at_vertex(p, i, k, &vertex);
    if (place >= 0) unite(p->corner, 8 * p->parent[i] + vertex, p->seen[place]);
  }
}
KERNEL(mark_vertices, Split) { p->rank[i] = i < 8 * (int64_t)p->found[0] && p->corner[i] == i; }
KERNEL(number_vertices, Split) {
  int32_t idle = (int32_t)p->rooms[1] - 1, number = idle;
  if (i < 8 * (int64_t)p->found[0]) number = p->rank[find(p->corner, (int32_t)i)];
  p->coarse_conn[i] = number < idle ? number : idle;
}
/* Slots of nodes, cells of parents: every child of a parent writes the same. */
KERNEL(place_children, Split) {
  if (i >= *p->count || p->parent[i] >= p->rooms[0]) return;
  int odd[3];
  for (int axis = 0; axis < 3; axis++) {
    odd[axis] = p->cell[3 * i + axis] & 1;
    p->coarse_cell[3 * (int64_t)p->parent[i] + axis] = p->cell[3 * i + axis] >> 1;
  }
  for (int a = 0; a < 8; a++) {
    int place = 9 * (odd[0] + (a >> 2)) + 3 * (odd[1] + (a >> 1 & 1)) + odd[2] + (a & 1);
    LARGEST(p->slot + node_at(p, i, a), 27 * p->parent[i] + place);
  }
}
KERNEL(place_vertices, Split) {
  if (i >= 8 * (int64_t)p->found[0]) return;
  int64_t parent = i / 8;
  for (int axis = 0; axis < 3; axis++)
    p->coarse_nodes[3 * (int64_t)p->coarse_conn[i] + axis] =
        (int16_t)(p->coarse_cell[3 * parent + axis] + (i & (4 >> axis) ? 1 : 0));
}
KERNEL(finish_slots, Split) {
  if (p->slot[i] < 0) p->slot[i] = 0;
}

/* ---- Running sums, and setting memory ---------------------------------------------------------------------------------- */

enum { RUN = 256 };

typedef struct {
  int32_t *values, *above;
  int64_t count;
} Runs;

/* Sum of the i-th run of values. */
KERNEL(sum_runs, Runs) {
  int32_t sum = 0;
  for (int64_t k = RUN * i; k < RUN * (i + 1) && k < p->count; k++) sum += p->values[k];
  p->above[i] = sum;
}

/* Values of the i-th run replaced by the sums of all before them. */
KERNEL(run_on, Runs) {
  int32_t sum = p->above ? p->above[i] : 0;
  for (int64_t k = RUN * i; k < RUN * (i + 1) && k < p->count; k++) {
    int32_t value = p->values[k];
    p->values[k] = sum;
    sum += value;
  }
}

typedef struct {
  int32_t *values;
  int32_t value;
} Filling;

KERNEL(fill, Filling) { p->values[i] = p->value; }

typedef struct {
  const int32_t *from;
  int32_t *to;
} Copy;

KERNEL(copy_number, Copy) { p->to[i] = p->from[i]; }

typedef struct {
  const int32_t *from;
  int32_t *to;
  int64_t count;
} Copies;

/* A copy with a 0 at its end. */
KERNEL(copy_numbers, Copies) { p->to[i] = i < p->count ? p->from[i] : 0; }
