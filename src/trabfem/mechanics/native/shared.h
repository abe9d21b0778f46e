/* Kernels that compute one item each, by its number. They are compiled for a GPU by nvrtc (with device.cu), for a CPU as
 * loops over a range of items (with kernels.c), and in tests for a CPU that stands in for the GPU.
 *
 * A kernel takes one structure of pointers and lengths. Counts that only the device knows are pointers. No kernel waits for
 * another, and those that add integers side by side do so atomically, so that results do not depend on the order. */

/* nvrtc has no headers of a C library. */
#ifdef __CUDACC_RTC__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
#else
#include <stdint.h>
#endif

#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define ALIGNED(bytes) __align__(bytes)
#define UNROLL _Pragma("unroll")
#define POPCOUNT(bits) __popc(bits)
#define ADD(place, value) atomicAdd(place, value)
#define LEAST(place, value) atomicMin(place, value)
#define LARGEST(place, value) atomicMax(place, value)
#define EXCHANGE(place, old, value) (atomicCAS(place, old, value) == (old))
#define KERNEL(name, Type) KERNEL_NAMED(name, Type)
#define KERNEL_NAMED(name, Type)                                                                  \
  DEVICE void name##_at(const Type *p, int64_t i);                                                \
  extern "C" __global__ void __launch_bounds__(128) name(const __grid_constant__ Type p, int64_t count) { \
    int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;                                   \
    if (i < count) name##_at(&p, i);                                                              \
  }                                                                                               \
  DEVICE void name##_at(const Type *p, int64_t i)
#else
#define DEVICE static inline
#define ALIGNED(bytes) __attribute__((aligned(bytes)))
#define UNROLL
#define POPCOUNT(bits) __builtin_popcount(bits)
static inline int32_t add_one_by_one(int32_t *place, int32_t value) {
  int32_t before = *place;
  *place += value;
  return before;
}
#define ADD(place, value) add_one_by_one(place, value)
#define LEAST(place, value) (*(place) = *(place) < (value) ? *(place) : (value))
#define LARGEST(place, value) (*(place) = *(place) > (value) ? *(place) : (value))
#define EXCHANGE(place, old, value) (*(place) == (old) ? (*(place) = (value), 1) : 0)
#define KERNEL(name, Type) KERNEL_NAMED(name, Type)
#define KERNEL_NAMED(name, Type)                                    \
  static inline void name##_at(const Type *p, int64_t i);           \
  static void name(const void *p, int64_t begin, int64_t end) {     \
    for (int64_t i = begin; i < end; i++) name##_at((const Type *)p, i); \
  }                                                                 \
  static inline void name##_at(const Type *p, int64_t i)
#endif

/* Elements whose packed matrices are interleaved, as LANES of modes.py. */
enum { TOGETHER = 16, ENTRIES = 300 };

/* Place of an entry among those of a symmetric matrix of 24 rows. */
DEVICE int entry_of(int i, int j) { return i <= j ? i * (47 - i) / 2 + j : j * (47 - j) / 2 + i; }
DEVICE int parity(int mode) { return (mode / 3) ^ (4 >> mode % 3); }
DEVICE float sign_of(int bits) { return POPCOUNT(bits) & 1 ? -1.0f : 1.0f; }

/* ---- Packed matrices of 16 bits an entry (see modes.py) ---------------------------------------------------------------- */

typedef struct {
  const float *sums;
  int16_t *entries;
  float *unit;
} Packing;

/* Matrix i as integer multiples of a unit of its own. */
KERNEL(pack_matrix, Packing) {
  int64_t at = TOGETHER * ENTRIES * (i / TOGETHER) + i % TOGETHER;
  float largest = 0;
  for (int k = 0; k < ENTRIES; k++) {
    float size = p->sums[at + TOGETHER * k];
    size = size < 0 ? -size : size;
    largest = largest > size ? largest : size;
  }
  float unit = largest / 32767.0f;
  p->unit[i] = unit;
  for (int k = 0; k < ENTRIES; k++) {
    float number = unit > 0 ? p->sums[at + TOGETHER * k] / unit : 0;
    p->entries[at + TOGETHER * k] = (int16_t)(number < 0 ? number - 0.5f : number + 0.5f);
  }
}

/* ---- Matrices of blocks that prescribed displacements touch ---------------------------------------------------------- */

typedef struct {
  const int32_t *starts, *children;       /* voxels of every block: children[starts[b]] up to starts[b + 1] */
  const int32_t *octant, *pairs;          /* of voxels */
  const float *modulus;
  const uint8_t *free_;                   /* of nodes, three each */
  float *moduli;                          /* eight of every block */
  int32_t *place;                         /* whether it has a prescribed node; then its number among those, or -1 */
} Touched;

/* Moduli of block i. */
KERNEL(find_moduli, Touched) {
  int touched = 0;
  for (int o = 0; o < 8; o++) p->moduli[8 * i + o] = 0;
  for (int32_t k = p->starts[i]; k < p->starts[i + 1]; k++) {
    int64_t v = p->children[k];
    p->moduli[8 * i + p->octant[v]] = p->modulus[v];
    for (int a = 0; a < 8; a++) {
      const uint8_t *own = p->free_ + 3 * ((int64_t)p->pairs[4 * v + a / 2] + a % 2);
      touched |= !(own[0] && own[1] && own[2]);
    }
  }
  p->place[i] = touched;
}

typedef struct {
  Touched touched;
  const int32_t *before;                  /* touched blocks before every one */
  int32_t *held;
  int64_t room, idle;
} Listing;

/* Blocks that prescribed displacements touch have no moduli, but a matrix of their own. */
KERNEL(list_touched, Listing) {
  int32_t *place = p->touched.place + i, number = p->before[i];
  if (*place && number < p->room) {
    p->held[number] = (int32_t)i;
    for (int o = 0; o < 8; o++) p->touched.moduli[8 * i + o] = 0;
  }
  *place = *place && number < p->room ? number : -1;
}

typedef struct {
  const int32_t *held, *count;            /* blocks, and how many */
  const int32_t *starts, *children;       /* voxels of every block: children[starts[b]] up to starts[b + 1] */
  const int32_t *octant, *pairs;          /* of voxels */
  const float *modulus, *stiffness;       /* of voxels; of one voxel of unit modulus */
  const uint8_t *free_;                   /* of nodes, three each */
  float *out;                             /* packed matrices */
} Held;

/* Column j of the matrix of a block, with i = 24 block + j: sum over its voxels of B^T F K F B E, where F leaves out what is
 * prescribed and B gives a voxel's nodes from the modes of the block: sign / 8 at the one corner that it shares. */
KERNEL(held_columns, Held) {
  int64_t h = i / 24;
  int j = (int)(i % 24), mode = j / 3, c = j % 3;
  float column[24];
  for (int k = 0; k < 24; k++) column[k] = 0;
  int64_t first = 0, last = 0;
  if (h < *p->count) {
    first = p->starts[p->held[h]];
    last = p->starts[p->held[h] + 1];
  }
  for (int64_t k = first; k < last; k++) {
    int64_t v = p->children[k];
    int octant = p->octant[v];
    float image[24];
    for (int row = 0; row < 24; row++) image[row] = 0;
    uint32_t kept = 0;
    for (int a = 0; a < 8; a++) {
      const uint8_t *own = p->free_ + 3 * ((int64_t)p->pairs[4 * v + a / 2] + a % 2);
      for (int axis = 0; axis < 3; axis++) kept |= (own[axis] ? 1u : 0u) << (3 * a + axis);
    }
    for (int a = 0; a < 8; a++) {
      /* On the axes of the mode only the corner of the voxel's own octant has a weight. */
      if (((a ^ octant) & mode) || !(kept >> (3 * a + c) & 1)) continue;
      float weight = sign_of(a & mode) * 0.125f * p->modulus[v];
      for (int row = 0; row < 24; row++) image[row] += p->stiffness[24 * row + 3 * a + c] * weight;
    }
    for (int row = 0; row <= j; row++) {
      int m = row / 3, d = row % 3;
      float sum = 0;
      for (int a = 0; a < 8; a++)
        if (!((a ^ octant) & m) && kept >> (3 * a + d) & 1) sum += sign_of(a & m) * image[3 * a + d];
      column[row] += 0.125f * sum;
    }
  }
  float *out = p->out + TOGETHER * ENTRIES * (h / TOGETHER) + h % TOGETHER;
  for (int row = 0; row <= j; row++) out[TOGETHER * entry_of(row, j)] = column[row];
}

/* ---- Diagonals and the dense matrix of the coarsest level ------------------------------------------------------------ */

typedef struct {
  const int32_t *count, *conn;
  const int16_t *entries;
  const float *unit;
  void *out;
} Matrix;

/* Entry (i, j) of the packed matrix of an element, in modes. */
DEVICE float modal(const Matrix *p, int64_t element, int i, int j) {
  int64_t block = element / TOGETHER, lane = element % TOGETHER;
  return p->unit[element] * p->entries[TOGETHER * (ENTRIES * block + entry_of(i, j)) + lane];
}

/* Nodal diagonal: entry i = 24 element + degree of freedom. */
KERNEL(diagonal_entries, Matrix) {
  int64_t element = i / 24;
  int a = (int)(i % 24) / 3, c = (int)(i % 3);
  float sum = 0;
  if (element < *p->count)
    for (int m = 0; m < 8; m++)
      for (int n = m; n < 8; n++)
        sum += (m == n ? 1.0f : 2.0f) * sign_of((m ^ n) & a) * modal(p, element, 3 * m + c, 3 * n + c);
  ((float *)p->out)[i] = sum;
}

typedef struct {
  Matrix own;                             /* of blocks with a matrix */
  const int32_t *place;                   /* of a block among those, or -1 */
  const float *moduli, *form;             /* eight of every block; nodal diagonals of the eight children */
} Diagonal;

/* The same of blocks of voxels. */
KERNEL(block_diagonal_entries, Diagonal) {
  int64_t block = i / 24;
  int k = (int)(i % 24), a = k / 3, c = k % 3;
  float sum = 0;
  if (p->place[block] >= 0) {
    for (int m = 0; m < 8; m++)
      for (int n = m; n < 8; n++)
        sum += (m == n ? 1.0f : 2.0f) * sign_of((m ^ n) & a) * modal(&p->own, p->place[block], 3 * m + c, 3 * n + c);
  } else {
    for (int o = 0; o < 8; o++) sum += p->moduli[8 * block + o] * p->form[24 * o + k];
  }
  ((float *)p->own.out)[i] = sum;
}

typedef struct {
  const float *diagonal, *beside;         /* rows of `parts` matrices */
  int64_t size, parts;
  float *out;
} Tridiagonal;

/* Largest eigenvalue of symmetric tridiagonal matrix i, by bisection: x is above it where all pivots of the matrix less x
 * are negative (Sturm's count). */
KERNEL(largest_eigenvalue, Tridiagonal) {
  float low = 0, high = 0;
  for (int64_t k = 0; k < p->size; k++) {
    float left = k ? p->beside[p->parts * (k - 1) + i] : 0, right = k + 1 < p->size ? p->beside[p->parts * k + i] : 0;
    float reach = p->diagonal[p->parts * k + i] + (left < 0 ? -left : left) + (right < 0 ? -right : right);
    high = reach > high ? reach : high;
  }
  for (int step = 0; step < 30; step++) {
    float middle = 0.5f * (low + high), pivot = -1;
    int above = 1;
    for (int64_t k = 0; k < p->size && above; k++) {
      float beside = k ? p->beside[p->parts * (k - 1) + i] : 0;
      pivot = p->diagonal[p->parts * k + i] - middle - beside * beside / pivot;
      above = pivot < 0;
    }
    if (above) high = middle; else low = middle;
  }
  p->out[i] = high;
}

typedef struct {
  Matrix matrix;
  int64_t size; /* rows of the dense matrix of a part */
} Dense;

/* Row i of the sums of all elements' nodal matrices H A H, of one part after another. */
KERNEL(dense_rows, Dense) {
  const Matrix *m = &p->matrix;
  double *row = (double *)m->out + p->size * i;
  int64_t vertex = i / 3;
  int c = (int)(i % 3);
  for (int64_t k = 0; k < p->size; k++) row[k] = 0;
  for (int64_t e = 0; e < *m->count; e++)
    for (int a = 0; a < 8; a++) {
      if (m->conn[8 * e + a] != vertex) continue;
      for (int mode = 0; mode < 8; mode++)
        for (int other = 0; other < 24; other++) {
          double value = sign_of(mode & a) * modal(m, e, 3 * mode + c, other);
          for (int b = 0; b < 8; b++)
            row[(3 * (int64_t)m->conn[8 * e + b] + other % 3) % p->size] += sign_of((other / 3) & b) * value;
        }
    }
}

/* ---- Energy of elements ------------------------------------------------------------------------------------------------ */

typedef struct {
  const int32_t *pairs;
  const float *modulus;
  const double *form, *u;
  double *out;
} Energies;

/* E u^T form u / 2 of voxel i. */
KERNEL(energies, Energies) {
  double u[24], total = 0;
  for (int a = 0; a < 8; a++)
    for (int c = 0; c < 3; c++) u[3 * a + c] = p->u[3 * ((int64_t)p->pairs[4 * i + a / 2] + a % 2) + c];
  for (int row = 0; row < 24; row++) {
    double sum = 0;
    for (int k = 0; k < 24; k++) sum += p->form[24 * row + k] * u[k];
    total += sum * u[row];
  }
  p->out[i] = 0.5 * p->modulus[i] * total;
}

/* ---- Lists: items by the number of their group, in ascending order ------------------------------------------------------ */

typedef struct {
  const int32_t *key;         /* of every item; below 0 for none */
  const int32_t *count;       /* items, or NULL for all; `each` of them for one counted */
  int32_t each, divisor;      /* the group of an item is key / divisor */
  int64_t groups;
  int32_t *starts, *used, *list;
} Groups;

DEVICE int32_t group_of(const Groups *p, int64_t i) {
  if (p->key[i] < 0 || (p->count && i >= (int64_t)*p->count * p->each)) return -1;
  return p->key[i] / p->divisor < p->groups ? p->key[i] / p->divisor : -1;
}

KERNEL(count_groups, Groups) {
  int32_t group = group_of(p, i);
  if (group >= 0) ADD(p->starts + group, 1);
}

KERNEL(fill_groups, Groups) {
  int32_t group = group_of(p, i);
  if (group >= 0) p->list[p->starts[group] + ADD(p->used + group, 1)] = (int32_t)i;
}

/* Items of group i come in any order when written side by side. */
KERNEL(sort_groups, Groups) {
  int32_t first = p->starts[i], last = p->starts[i + 1];
  for (int32_t k = first + 1; k < last; k++) {
    int32_t item = p->list[k], at = k;
    for (; at > first && p->list[at - 1] > item; at--) p->list[at] = p->list[at - 1];
    p->list[at] = item;
  }
}

/* ---- Numbers of voxels and nodes on the lattice (see lattice.py) -------------------------------------------------------- */

/* Read at once. */
typedef struct ALIGNED(16) {
  uint32_t nodes, nodes_before, voxels, voxels_before;
} Word;

typedef struct {
  const void *grid;             /* moduli, z fastest */
  int32_t doubles;              /* whether they have double precision */
  int32_t shape[3], words;      /* voxels along each axis; words along z */
  int64_t elements, room;       /* array lengths for voxels and for nodes */
  Word *ranks;
  int32_t *node_counts, *voxel_counts;    /* of every word; then of all before it */
  int32_t *counts;              /* voxels, nodes, whether a modulus is negative or not finite */
  int32_t *pairs;
  float *modulus;
  int16_t *voxels, *nodes;
  uint8_t *around;
} Numbering;

typedef struct {
  int x, y, z; /* of the first place of a word */
} Place;

DEVICE Place place_of(const Numbering *p, int64_t word) {
  int64_t column = word / p->words;
  Place place = {(int)(column / (p->shape[1] + 1)), (int)(column % (p->shape[1] + 1)), 32 * (int)(word % p->words)};
  return place;
}

DEVICE double modulus_at(const Numbering *p, int x, int y, int z) {
  int64_t k = ((int64_t)x * p->shape[1] + y) * p->shape[2] + z;
  return p->doubles ? ((const double *)p->grid)[k] : ((const float *)p->grid)[k];
}

/* Voxels of word i, of which there are none at the upper borders. */
KERNEL(mark_voxels, Numbering) {
  Place at = place_of(p, i);
  uint32_t mask = 0;
  if (at.x < p->shape[0] && at.y < p->shape[1])
    for (int bit = 0; bit < 32 && at.z + bit < p->shape[2]; bit++) {
      double modulus = modulus_at(p, at.x, at.y, at.z + bit);
      mask |= (modulus > 0 ? 1u : 0u) << bit;
      if (!(modulus >= 0 && modulus <= 1.7e308)) p->counts[2] = 1;
    }
  p->ranks[i].voxels = mask;
  p->voxel_counts[i] = POPCOUNT(mask);
}

/* The voxels at the column (x - 1 + dx, y - 1 + dy) of a word that touch its places from above, or from below. */
DEVICE uint32_t voxels_at(const Numbering *p, int64_t word, Place at, int dx, int dy, int below) {
  if ((!dx && !at.x) || (!dy && !at.y)) return 0;
  int64_t other = word - ((1 - dx) * (int64_t)(p->shape[1] + 1) + 1 - dy) * p->words;
  uint32_t mask = p->ranks[other].voxels;
  if (!below) return mask;
  return mask << 1 | (at.z ? p->ranks[other - 1].voxels >> 31 : 0);
}

KERNEL(mark_nodes, Numbering) {
  Place at = place_of(p, i);
  uint32_t mask = 0;
  for (int column = 0; column < 4; column++)
    for (int below = 0; below < 2; below++) mask |= voxels_at(p, i, at, column >> 1, column & 1, below);
  p->ranks[i].nodes = mask;
  p->node_counts[i] = POPCOUNT(mask);
}

KERNEL(rank_words, Numbering) {
  p->ranks[i].nodes_before = (uint32_t)p->node_counts[i];
  p->ranks[i].voxels_before = (uint32_t)p->voxel_counts[i];
}

/* Voxels and nodes of word i; what has no room is left out. */
KERNEL(list_voxels, Numbering) {
  Place at = place_of(p, i);
  Word own = p->ranks[i];
  int64_t e = own.voxels_before;
  for (int bit = 0; bit < 32; bit++) {
    if (!(own.voxels >> bit & 1) || e >= p->elements - 1) continue;
    for (int pair = 0; pair < 4; pair++) {
      Word word = p->ranks[i + ((pair >> 1) * (int64_t)(p->shape[1] + 1) + (pair & 1)) * p->words];
      p->pairs[4 * e + pair] = (int32_t)(word.nodes_before + POPCOUNT(word.nodes & ((1u << bit) - 1)));
    }
    p->modulus[e] = (float)modulus_at(p, at.x, at.y, at.z + bit);
    p->voxels[3 * e] = (int16_t)at.x;
    p->voxels[3 * e + 1] = (int16_t)at.y;
    p->voxels[3 * e++ + 2] = (int16_t)(at.z + bit);
  }
}

KERNEL(list_nodes, Numbering) {
  Place at = place_of(p, i);
  Word own = p->ranks[i];
  uint32_t octants[8];
  for (int o = 0; o < 8; o++) octants[o] = voxels_at(p, i, at, o >> 2, o >> 1 & 1, !(o & 1));
  int64_t n = own.nodes_before;
  for (int bit = 0; bit < 32; bit++) {
    if (!(own.nodes >> bit & 1) || n >= p->room - 2) continue;
    int around = 0;
    for (int o = 0; o < 8; o++) around |= (int)(octants[o] >> bit & 1) << o;
    p->nodes[3 * n] = (int16_t)at.x;
    p->nodes[3 * n + 1] = (int16_t)at.y;
    p->nodes[3 * n + 2] = (int16_t)(at.z + bit);
    p->around[n++] = (uint8_t)around;
  }
}

/* Idle entries: voxels of modulus 0 whose nodes are the last two. */
KERNEL(list_idle_voxels, Numbering) {
  if (i < p->counts[0]) return;
  for (int pair = 0; pair < 4; pair++) p->pairs[4 * i + pair] = (int32_t)p->room - 2;
  p->modulus[i] = 0;
  for (int axis = 0; axis < 3; axis++) p->voxels[3 * i + axis] = 0;
}

KERNEL(list_idle_nodes, Numbering) {
  if (i < p->counts[1]) return;
  for (int axis = 0; axis < 3; axis++) p->nodes[3 * i + axis] = 0;
  p->around[i] = 0;
}
