/* Connectivity-split coarsening (see splitting.py) by union and find, called on NumPy arrays while a hierarchy is built.
 *
 * Nothing to compile for every array length, and one pass where label propagation takes several. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Which of the (child's node, coarse corner) pairs of one axis: see NODE, CORNER and ABOVE of splitting.py. */
static const int NODE[2][3] = {{0, 1, 1}, {1, 0, 0}}, CORNER[2][3] = {{0, 0, 1}, {1, 0, 1}}, ABOVE[3] = {0, 0, 1};

static int32_t find(int32_t *parent, int32_t item) {
  while (parent[item] != item) item = parent[item] = parent[parent[item]];
  return item;
}

/* The smaller number becomes the root. */
static void unite(int32_t *parent, int32_t one, int32_t other) {
  one = find(parent, one);
  other = find(parent, other);
  if (one < other) parent[other] = one; else parent[one] = other;
}

/* Replace every item by the rank of its root among the roots; returns how many there are. */
static int32_t number(int32_t *parent, int64_t count) {
  int32_t roots = 0;
  /* Roots come before their members, so a negative entry is a rank already given. */
  for (int64_t k = 0; k < count; k++) {
    int32_t root = parent[k] == k ? -1 : parent[k];
    parent[k] = root < 0 ? -1 - roots++ : parent[root];
  }
  for (int64_t k = 0; k < count; k++) parent[k] = -1 - parent[k];
  return roots;
}

static int packed(const int *bits) { return 4 * bits[0] + 2 * bits[1] + bits[2]; }

static void join(int32_t *parent, int32_t *seen, int64_t place, int32_t item) {
  if (seen[place] < 0) seen[place] = item; else unite(parent, seen[place], item);
}

/* Component of every element in its block of 2 x 2 x 2 cells -> parent[count]; returns the number of components, or -1
 * without memory. */
int32_t trabfem_parents(const int32_t *conn, const int16_t *cell, int64_t count, int64_t nodes, int32_t *parent) {
  int32_t *seen = malloc(8 * nodes * sizeof *seen);
  if (!seen) return -1;
  memset(seen, 0xff, 8 * nodes * sizeof *seen);
  for (int64_t e = 0; e < count; e++) parent[e] = (int32_t)e;
  for (int64_t e = 0; e < count; e++)
    for (int a = 0; a < 8; a++) {
      /* Of the two blocks that flank a node on the border, the upper one has it as its first. */
      int upper[3];
      for (int axis = 0; axis < 3; axis++) upper[axis] = !(cell[3 * e + axis] & 1) && !(a & (4 >> axis));
      join(parent, seen, 8 * (int64_t)conn[8 * e + a] + packed(upper), (int32_t)e);
    }
  free(seen);
  for (int64_t e = 0; e < count; e++) parent[e] = find(parent, (int32_t)e);
  return number(parent, count);
}

/* Vertex copy at every corner of every parent -> corner[8 parents]; returns the number of copies, or -1. */
int32_t trabfem_vertices(const int32_t *conn, const int16_t *cell, const int32_t *parent, int64_t count, int64_t nodes,
                         int64_t parents, int32_t *corner) {
  int32_t *seen = malloc(8 * nodes * sizeof *seen);
  if (!seen) return -1;
  memset(seen, 0xff, 8 * nodes * sizeof *seen);
  for (int64_t k = 0; k < 8 * parents; k++) corner[k] = (int32_t)k;
  for (int64_t e = 0; e < count; e++) {
    int octant[3];
    for (int axis = 0; axis < 3; axis++) octant[axis] = cell[3 * e + axis] & 1;
    for (int pair = 0; pair < 27; pair++) {
      int which[3] = {pair / 9, pair / 3 % 3, pair % 3}, node[3], vertex[3], above[3];
      /* The centre of a block ties it to none but itself. */
      if (which[0] && which[1] && which[2]) continue;
      for (int axis = 0; axis < 3; axis++) {
        node[axis] = NODE[octant[axis]][which[axis]];
        vertex[axis] = CORNER[octant[axis]][which[axis]];
        above[axis] = ABOVE[which[axis]];
      }
      join(corner, seen, 8 * (int64_t)conn[8 * e + packed(node)] + packed(above), 8 * parent[e] + packed(vertex));
    }
  }
  free(seen);
  for (int64_t k = 0; k < 8 * parents; k++) corner[k] = find(corner, (int32_t)k);
  return number(corner, 8 * parents);
}

/* The rest of a split: octant[count], slot[nodes], cells and vertices of the coarse elements; corner as given above. */
int32_t trabfem_coarse(const int32_t *conn, const int16_t *cell, const int32_t *parent, int64_t count, const int32_t *corner,
                    int64_t parents, int32_t *octant, int32_t *slot, int16_t *coarse_cell, int16_t *coarse_nodes) {
  for (int64_t e = 0; e < count; e++) {
    int bits[3];
    for (int axis = 0; axis < 3; axis++) {
      bits[axis] = cell[3 * e + axis] & 1;
      coarse_cell[3 * (int64_t)parent[e] + axis] = cell[3 * e + axis] >> 1;
    }
    octant[e] = packed(bits);
    for (int a = 0; a < 8; a++) {
      int place = 0;
      for (int axis = 0; axis < 3; axis++) place = 3 * place + bits[axis] + ((a >> (2 - axis)) & 1);
      int32_t *best = slot + conn[8 * e + a], here = 27 * parent[e] + place;
      if (here > *best) *best = here;
    }
  }
  for (int64_t p = 0; p < parents; p++)
    for (int c = 0; c < 8; c++)
      for (int axis = 0; axis < 3; axis++)
        coarse_nodes[3 * (int64_t)corner[8 * p + c] + axis] = (int16_t)(coarse_cell[3 * p + axis] + ((c >> (2 - axis)) & 1));
  return 0;
}

/* Children of every parent in ascending order: children[starts[p]] up to starts[p + 1]. */
int32_t trabfem_children(const int32_t *parent, int64_t count, int64_t parents, int32_t *starts, int32_t *children) {
  for (int64_t k = 0; k <= parents; k++) starts[k] = 0;
  for (int64_t e = 0; e < count; e++) starts[parent[e] + 1]++;
  for (int64_t k = 0; k < parents; k++) starts[k + 1] += starts[k];
  for (int64_t e = 0; e < count; e++) children[starts[parent[e]]++] = (int32_t)e;
  /* Every start has moved to the end of its own list. */
  for (int64_t k = parents; k > 0; k--) starts[k] = starts[k - 1];
  starts[0] = 0;
  return 0;
}
