/* The solver's inner loops for CPUs, called from compiled JAX programs through XLA's foreign-function interface.
 *
 * Every function here has a twin in plain JAX beside the place where it is called, which the tests compare it with.
 * Elements come sorted by x. They are cut into slabs of at least one layer of cells; slabs of even number, which share
 * no node, run side by side, then those of odd number. The cuts do not depend on the number of threads, so neither do
 * the sums. */

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* JAX's own header where the compiler is told of one. */
#if __has_include("xla/ffi/api/c_api.h")
#include "xla/ffi/api/c_api.h"
#else
#include "xla_ffi.h"
#endif

#include "shared.h"

enum { MOST_SLABS = 64, FEWEST_IN_SLAB = 256 };

/* ---- Threads: XLA's own pool, in which the caller works along ---------------------------------------------------- */

typedef void Task(const void *context, int64_t begin, int64_t end);

typedef struct {
  atomic_int next, done, holders;
  int count, stride;
  const int64_t *starts;
  Task *task;
  const void *context;
} Job;

static void work(void *data) {
  Job *job = data;
  for (int k; (k = atomic_fetch_add(&job->next, 1)) < job->count;) {
    int64_t slab = (int64_t)k * job->stride;
    job->task(job->context, job->starts[slab], job->starts[slab + 1]);
    atomic_fetch_add(&job->done, 1);
  }
  /* A helper that the pool starts late finds nothing to do, but must still find the job. */
  if (atomic_fetch_sub(&job->holders, 1) == 1) free(job);
}

/* The task on every `stride`-th of the slabs; returns when all are done. */
static void run(XLA_FFI_CallFrame *frame, Task *task, const void *context, const int64_t *starts, int slabs, int stride) {
  int count = (slabs + stride - 1) / stride, helpers = 0;
  if (count < 1) return;
  int64_t threads = 1;
  XLA_FFI_ThreadPool_NumThreads_Args ask = {XLA_FFI_ThreadPool_NumThreads_Args_STRUCT_SIZE, NULL, frame->ctx, &threads};
  XLA_FFI_Error *error = frame->api->XLA_FFI_ThreadPool_NumThreads(&ask);
  if (error) {
    XLA_FFI_Error_Destroy_Args destroy = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, NULL, error};
    frame->api->XLA_FFI_Error_Destroy(&destroy);
  } else {
    helpers = (int)(threads < count ? threads : count) - 1;
  }
  Job *job = malloc(sizeof *job);
  /* Held by every helper, by the caller's own work, and by the caller until all is done. */
  *job = (Job){.holders = helpers + 2, .count = count, .stride = stride, .starts = starts, .task = task, .context = context};
  for (int k = 0; k < helpers; k++) {
    XLA_FFI_ThreadPool_Schedule_Args ask = {XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE, NULL, frame->ctx, work, job};
    if ((error = frame->api->XLA_FFI_ThreadPool_Schedule(&ask))) {
      XLA_FFI_Error_Destroy_Args destroy = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, NULL, error};
      frame->api->XLA_FFI_Error_Destroy(&destroy);
      atomic_fetch_sub(&job->holders, 1);
    }
  }
  work(job);
  while (atomic_load(&job->done) < count) sched_yield();
  if (atomic_fetch_sub(&job->holders, 1) == 1) free(job);
}

/* Cut `count` items, sorted by x = key[3 i], into slabs that start at a new x divisible by `align`. */
static int cut(const int16_t *key, int64_t count, int align, int64_t *starts) {
  int slabs = 0;
  int64_t target = count / MOST_SLABS > FEWEST_IN_SLAB ? count / MOST_SLABS : FEWEST_IN_SLAB;
  starts[0] = 0;
  while (starts[slabs] < count) {
    int64_t low = starts[slabs] + target, high = count;
    if (low < count && slabs + 1 < MOST_SLABS) {
      int x = (key[3 * (low - 1)] / align + 1) * align;
      while (low < high) {
        int64_t middle = (low + high) / 2;
        if (key[3 * middle] < x) low = middle + 1; else high = middle;
      }
    }
    starts[++slabs] = high;
  }
  return slabs;
}

/* The task on all of `count` items that do not depend on each other. */
static void run_items(XLA_FFI_CallFrame *frame, Task *task, const void *context, int64_t count) {
  int64_t starts[MOST_SLABS + 1];
  for (int k = 0; k <= MOST_SLABS; k++) starts[k] = count * k / MOST_SLABS;
  run(frame, task, context, starts, MOST_SLABS, 1);
}

/* ---- Elements ------------------------------------------------------------------------------------------------------ */

typedef struct {
  const int32_t *conn;
  const void *data; /* moduli of elements or children, or packed matrices */
  const void *form, *u;
  void *f;
} Product;

#define REAL double
#define NAME(x) x##_double
#include "elements.h"
#undef REAL
#undef NAME
#undef LANES
#undef VECTOR
#define REAL float
#define NAME(x) x##_float
#include "elements.h"

/* A vector at any address. */
typedef VECTOR LOOSE __attribute__((aligned(4)));
/* One entry of the packed matrices of as many elements, in 16 bits. */
typedef int16_t ENTRY __attribute__((vector_size(2 * LANES), aligned(2)));
/* How many pieces a vector is worked on in. For AVX2 GCC keeps sums wider than a register in memory, which takes three to
 * five times as long; for SSE4 it does not, nor does Clang ever, and there pieces would cost. */
#if defined(__AVX__) && !defined(__AVX512F__) && !defined(__clang__)
enum { PIECES = 2 };
#else
enum { PIECES = 1 };
#endif
typedef float PIECE __attribute__((vector_size(64 / PIECES), may_alias));
typedef int16_t ENTRY_PIECE __attribute__((vector_size(2 * LANES / PIECES), aligned(2), may_alias));
#define PACKED(i, j) ((i) * (47 - (i)) / 2 + (j)) /* i <= j */

/* The eight 3 x 3 blocks of equal parity of H K H / 64: all that is not 0 there for a brick. */
static void modal_blocks(const void *stiffness, int doubles, double *form) {
  for (int p = 0; p < 8; p++)
    for (int c = 0; c < 3; c++)
      for (int d = 0; d < 3; d++) {
        int m = p ^ (4 >> c), n = p ^ (4 >> d);
        double sum = 0;
        for (int a = 0; a < 8; a++)
          for (int b = 0; b < 8; b++) {
            int k = 24 * (3 * a + c) + 3 * b + d;
            double entry = doubles ? ((const double *)stiffness)[k] : ((const float *)stiffness)[k];
            sum += sign_of((m & a) << 3 | (n & b)) * entry;
          }
        form[9 * p + 3 * c + d] = sum / 64;
      }
}

/* Sums and differences of the moduli of eight children, LANES elements at once. */
static inline void moduli_sums(const float *data, int64_t e, VECTOR *sums) {
  for (int o = 0; o < 8; o++)
    for (int lane = 0; lane < LANES; lane++) sums[o][lane] = data[8 * (e + lane) + o];
  for (int bit = 1; bit < 8; bit *= 2)
    for (int o = 0; o < 8; o++)
      if (!(o & bit)) {
        VECTOR low = sums[o], high = sums[o | bit];
        sums[o] = low + high;
        sums[o | bit] = low - high;
      }
}

/* A coarse element of eight children: A_ij = sums[p_i ^ p_j] form_ij; no force from translations. */
static inline void family(const Product *p, int64_t e, const VECTOR *t, VECTOR *y) {
  const float *form = p->form;
  VECTOR sums[8], scaled[8][24];
  moduli_sums(p->data, e, sums);
  for (int k = 0; k < 8; k++)
    for (int j = 3; j < 24; j++) scaled[k][j] = sums[k] * t[j];
  for (int i = 0; i < 3; i++) y[i] = (VECTOR){0};
  for (int piece = 0; piece < PIECES; piece++)
    for (int i = 3; i < 24; i++) {
      PIECE total = {0};
      for (int j = 3; j < 24; j++)
        total += form[24 * i + j] * ((const PIECE *)&scaled[parity(i) ^ parity(j)][j])[piece];
      ((PIECE *)&y[i])[piece] = total;
    }
}

/* A matrix of its own, in units of p->form. */
static inline void packed(const Product *p, int64_t e, const VECTOR *t, VECTOR *y) {
  for (int i = 0; i < 24; i++) y[i] = (VECTOR){0};
  for (int piece = 0; piece < PIECES; piece++) {
    const ENTRY_PIECE *entry = (const ENTRY_PIECE *)((const int16_t *)p->data + 300 * e) + piece;
    const PIECE *in = (const PIECE *)t + piece;
    PIECE *out = (PIECE *)y + piece;
    for (int i = 0; i < 24; i++, entry += PIECES) {
      PIECE own = in[PIECES * i], total = out[PIECES * i] + __builtin_convertvector(*entry, PIECE) * own;
      for (int j = i + 1; j < 24; j++) {
        entry += PIECES;
        PIECE number = __builtin_convertvector(*entry, PIECE);
        total += number * in[PIECES * j];
        out[PIECES * j] += number * own;
      }
      out[PIECES * i] = total;
    }
  }
  const LOOSE *unit = (const LOOSE *)((const float *)p->form + e);
  for (int i = 0; i < 24; i++) y[i] *= *unit;
}

static void families(const void *p, int64_t begin, int64_t end) { range_float(p, begin, end, 0, family); }
static void matrices(const void *p, int64_t begin, int64_t end) { range_float(p, begin, end, 0, packed); }

/* Values at the corners of elements, and moduli at their nodes, summed up at the nodes. */
static void corners(const void *data, int64_t begin, int64_t end) {
  const Product *p = data;
  for (int64_t k = 8 * begin; k < 8 * end; k++)
    for (int c = 0; c < 3; c++) ((float *)p->f)[3 * (int64_t)p->conn[k] + c] += ((const float *)p->data)[3 * k + c];
}

static void moduli(const void *data, int64_t begin, int64_t end) {
  const Product *p = data;
  for (int64_t k = 4 * begin; k < 4 * end; k++)
    for (int above = 0; above < 2; above++) ((float *)p->f)[p->conn[k] + above] += ((const float *)p->data)[k / 4];
}

/* ---- Galerkin products: packed matrices of parents from their children --------------------------------------------- */

typedef struct {
  const int32_t *parent, *octant;
  const void *data;
  const float *form;
  float *out;
} Condensation;

/* A <- S^T A S, with the octant of each lane: one axis after the other, columns and rows alike. */
static inline void to_parent(VECTOR (*matrix)[24], const VECTOR *half) {
  for (int axis = 0; axis < 3; axis++)
    for (int m = 0, bit = 4 >> axis; m < 8; m++)
      if (m & bit)
        for (int c = 0; c < 3; c++) {
          int fine = 3 * m + c, coarse = 3 * (m ^ bit) + c;
          for (int i = 0; i < 24; i++) matrix[i][fine] = half[axis] * matrix[i][coarse] + 0.5f * matrix[i][fine];
          for (int i = 0; i < 24; i++) matrix[fine][i] = half[axis] * matrix[coarse][i] + 0.5f * matrix[fine][i];
        }
}

static inline __attribute__((always_inline)) void condense_range(const Condensation *g, int64_t begin, int64_t end,
                                                                  int of_families) {
  VECTOR matrix[24][24], half[3];
  for (int64_t e = begin / LANES * LANES; e < end; e += LANES) {
    int first = e < begin ? (int)(begin - e) : 0, last = end - e < LANES ? (int)(end - e) : LANES;
    VECTOR sums[8];
    if (of_families) moduli_sums(g->data, e, sums);
    const ENTRY *entry = (const ENTRY *)((const int16_t *)g->data + 300 * e);
    const LOOSE *unit = (const LOOSE *)(g->form + e);
    for (int i = 0; i < 24; i++)
      for (int j = i; j < 24; j++)
        matrix[i][j] = matrix[j][i] =
            of_families ? sums[parity(i) ^ parity(j)] * g->form[24 * i + j]
                        : __builtin_convertvector(entry[PACKED(i, j)], VECTOR) * *unit;
    for (int axis = 0; axis < 3; axis++)
      for (int lane = 0; lane < LANES; lane++)
        half[axis][lane] = g->octant[e + lane] & (4 >> axis) ? -0.5f : 0.5f;
    to_parent(matrix, half);
    for (int lane = first; lane < last; lane++) {
      int64_t parent = g->parent[e + lane];
      float *out = g->out + 300 * LANES * (parent / LANES) + parent % LANES;
      for (int i = 0; i < 24; i++)
        for (int j = i; j < 24; j++) out[LANES * PACKED(i, j)] += matrix[i][j][lane];
    }
  }
}

static void condense_families(const void *g, int64_t begin, int64_t end) { condense_range(g, begin, end, 1); }
static void condense_matrices(const void *g, int64_t begin, int64_t end) { condense_range(g, begin, end, 0); }

/* ---- Interpolation between levels ---------------------------------------------------------------------------------- */

typedef struct {
  const int32_t *slot, *conn;
  const float *in;
  float *out;
} Interpolation;

/* Weights of a block's corners at its 27 places, the coarse nodes that a fine node takes its value from. */
static inline int corners_of(const Interpolation *p, int64_t node, int64_t *vertex, float *weight) {
  int place = p->slot[node] % 27, at[3] = {place / 9, place / 3 % 3, place % 3}, count = 0;
  const int32_t *conn = p->conn + 8 * (int64_t)(p->slot[node] / 27);
  for (int corner = 0; corner < 8; corner++) {
    float product = 1;
    for (int axis = 0; axis < 3; axis++) product *= 0.5f * (corner & (4 >> axis) ? at[axis] : 2 - at[axis]);
    if (product > 0) {
      vertex[count] = conn[corner];
      weight[count++] = product;
    }
  }
  return count;
}

static void prolong(const void *data, int64_t begin, int64_t end) {
  const Interpolation *p = data;
  int64_t vertex[8];
  float weight[8];
  for (int64_t node = begin; node < end; node++) {
    float total[3] = {0};
    for (int k = corners_of(p, node, vertex, weight) - 1; k >= 0; k--)
      for (int c = 0; c < 3; c++) total[c] += weight[k] * p->in[3 * vertex[k] + c];
    for (int c = 0; c < 3; c++) p->out[3 * node + c] = total[c];
  }
}

static void restrict_(const void *data, int64_t begin, int64_t end) {
  const Interpolation *p = data;
  int64_t vertex[8];
  float weight[8];
  for (int64_t node = begin; node < end; node++)
    for (int k = corners_of(p, node, vertex, weight) - 1; k >= 0; k--)
      for (int c = 0; c < 3; c++) p->out[3 * vertex[k] + c] += weight[k] * p->in[3 * node + c];
}

/* ---- The interface ------------------------------------------------------------------------------------------------- */

static XLA_FFI_Buffer *argument(XLA_FFI_CallFrame *frame, int k) { return frame->args.args[k]; }
static void *given(XLA_FFI_CallFrame *frame, int k) { return argument(frame, k)->data; }
static XLA_FFI_Buffer *made(XLA_FFI_CallFrame *frame, int k) { return frame->rets.rets[k]; }

/* The first result, set to zero. */
static void *result(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Buffer *buffer = made(frame, 0);
  int64_t bytes = buffer->dtype == XLA_FFI_DataType_F64 ? 8 : 4;
  for (int64_t k = 0; k < buffer->rank; k++) bytes *= buffer->dims[k];
  return memset(buffer->data, 0, bytes);
}

/* XLA asks every function once which version of the interface it was compiled with. The base of its extensions has had
 * two names, so it goes unnamed. */
static int answered(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Metadata_Extension *extension = (XLA_FFI_Metadata_Extension *)frame->extension_start;
  if (!extension || extension->extension_base.type != XLA_FFI_Extension_Metadata) return 0;
  XLA_FFI_Api_Version *version = &extension->metadata->api_version;
  version->major_version = XLA_FFI_API_MAJOR;
  version->minor_version = XLA_FFI_API_MINOR;
  return 1;
}

static XLA_FFI_Error *no_memory(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Error_Create_Args ask = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, NULL, "no memory is left for the mesh",
                                   XLA_FFI_Error_Code_INTERNAL};
  return frame->api->XLA_FFI_Error_Create(&ask);
}

/* Sums of all values before each one, in place; returns that of all. */
static int32_t run_sums(int32_t *values, int64_t count) {
  int32_t sum = 0;
  for (int64_t k = 0; k < count; k++) {
    int32_t value = values[k];
    values[k] = sum;
    sum += value;
  }
  return sum;
}

/* A product of the elements, cut by `cells` into slabs that run side by side. */
static void in_slabs(XLA_FFI_CallFrame *frame, Task *task, const Product *p, const int16_t *cells, int64_t count) {
  int64_t starts[MOST_SLABS + 1];
  int slabs = cut(cells, count, 1, starts);
  run(frame, task, p, starts, slabs, 2);
  run(frame, task, p, starts + 1, slabs - 1, 2);
}

/* pairs, cells, count, moduli, stiffness, u -> f */
XLA_FFI_Error *trabfem_voxels(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  int doubles = argument(frame, 5)->dtype == XLA_FFI_DataType_F64;
  double form[72];
  float rounded[72];
  modal_blocks(given(frame, 4), doubles, form);
  for (int k = 0; k < 72; k++) rounded[k] = (float)form[k];
  const void *blocks = doubles ? (const void *)form : rounded;
  Product p = {given(frame, 0), given(frame, 3), blocks, given(frame, 5), result(frame)};
  in_slabs(frame, doubles ? voxels_double : voxels_float, &p, given(frame, 1), *(int32_t *)given(frame, 2));
  return NULL;
}

/* pairs, cells, count, moduli -> sum around every node */
XLA_FFI_Error *trabfem_sum_moduli(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Product p = {given(frame, 0), given(frame, 3), NULL, NULL, result(frame)};
  in_slabs(frame, moduli, &p, given(frame, 1), *(int32_t *)given(frame, 2));
  return NULL;
}

/* conn, cells, count, moduli, form, held, their conn, cells, and count, entries, unit, u -> f */
XLA_FFI_Error *trabfem_blocks(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Product all = {given(frame, 0), given(frame, 3), given(frame, 4), given(frame, 11), result(frame)};
  in_slabs(frame, families, &all, given(frame, 1), *(int32_t *)given(frame, 2));
  Product own = {given(frame, 6), given(frame, 9), given(frame, 10), given(frame, 11), all.f};
  in_slabs(frame, matrices, &own, given(frame, 7), *(int32_t *)given(frame, 8));
  return NULL;
}

/* conn, cells, count, entries, unit, u -> f */
XLA_FFI_Error *trabfem_matrices(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Product p = {given(frame, 0), given(frame, 3), given(frame, 4), given(frame, 5), result(frame)};
  in_slabs(frame, matrices, &p, given(frame, 1), *(int32_t *)given(frame, 2));
  return NULL;
}

/* conn, cells, count, values of corners -> f */
XLA_FFI_Error *trabfem_assemble(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Product p = {given(frame, 0), given(frame, 3), NULL, NULL, result(frame)};
  in_slabs(frame, corners, &p, given(frame, 1), *(int32_t *)given(frame, 2));
  return NULL;
}

/* Packed matrices, the first two results, of sums. */
static XLA_FFI_Error *pack(XLA_FFI_CallFrame *frame, float *sums) {
  int64_t count = TOGETHER * made(frame, 1)->dims[0];
  Packing p = {sums, made(frame, 0)->data, made(frame, 1)->data};
  run_items(frame, pack_matrix, &p, count);
  free(sums);
  return NULL;
}

static float *no_sums(XLA_FFI_CallFrame *frame) { return calloc(TOGETHER * ENTRIES * made(frame, 1)->dims[0], sizeof(float)); }

/* starts, children, octant, pairs, moduli, free -> moduli of blocks, those touched, how many, place among them */
XLA_FFI_Error *trabfem_touched(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  int64_t blocks = argument(frame, 0)->dims[0] - 1, room = made(frame, 1)->dims[0];
  int32_t *before = malloc((blocks + 1) * sizeof *before), *held = made(frame, 1)->data;
  if (!before) return no_memory(frame);
  Touched p = {given(frame, 0), given(frame, 1), given(frame, 2), given(frame, 3), given(frame, 4), given(frame, 5),
               made(frame, 0)->data, made(frame, 3)->data};
  run_items(frame, find_moduli, &p, blocks);
  memcpy(before, p.place, blocks * sizeof *before);
  *(int32_t *)made(frame, 2)->data = run_sums(before, blocks);
  /* Idle entries stand for the last block, which is idle. */
  for (int64_t k = 0; k < room; k++) held[k] = (int32_t)blocks - 1;
  Listing listing = {p, before, held, room, blocks - 1};
  run_items(frame, list_touched, &listing, blocks);
  free(before);
  return NULL;
}

/* held, count, starts, children, octant, pairs, moduli, stiffness, free -> packed matrices */
XLA_FFI_Error *trabfem_held(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  float *sums = no_sums(frame);
  if (!sums) return no_memory(frame);
  Held p = {given(frame, 0), given(frame, 1), given(frame, 2), given(frame, 3), given(frame, 4),
            given(frame, 5), given(frame, 6), given(frame, 7), given(frame, 8), sums};
  run_items(frame, held_columns, &p, 24 * argument(frame, 0)->dims[0]);
  return pack(frame, sums);
}

/* count, entries, unit -> nodal diagonals */
XLA_FFI_Error *trabfem_diagonals(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Matrix p = {given(frame, 0), NULL, given(frame, 1), given(frame, 2), result(frame)};
  run_items(frame, diagonal_entries, &p, 24 * made(frame, 0)->dims[0]);
  return NULL;
}

/* count, entries, unit, place, moduli, form -> nodal diagonals */
XLA_FFI_Error *trabfem_block_diagonals(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Diagonal p = {{given(frame, 0), NULL, given(frame, 1), given(frame, 2), result(frame)},
                given(frame, 3), given(frame, 4), given(frame, 5)};
  run_items(frame, block_diagonal_entries, &p, 24 * made(frame, 0)->dims[0]);
  return NULL;
}

/* diagonals, beside them -> largest eigenvalue of each */
XLA_FFI_Error *trabfem_largest(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  XLA_FFI_Buffer *diagonal = argument(frame, 0);
  int64_t parts = diagonal->rank > 1 ? diagonal->dims[1] : 1;
  Tridiagonal p = {diagonal->data, given(frame, 1), diagonal->dims[0], parts, result(frame)};
  largest_eigenvalue(&p, 0, parts);
  return NULL;
}

/* conn, count, entries, unit -> dense matrices of all parts */
XLA_FFI_Error *trabfem_dense(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  int64_t size = made(frame, 0)->dims[1];
  Dense p = {{given(frame, 1), given(frame, 0), given(frame, 2), given(frame, 3), result(frame)}, size};
  run_items(frame, dense_rows, &p, size * made(frame, 0)->dims[0]);
  return NULL;
}

/* pairs, moduli, form, u -> energy of every element */
XLA_FFI_Error *trabfem_energies(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Energies p = {given(frame, 0), given(frame, 1), given(frame, 2), given(frame, 3), result(frame)};
  run_items(frame, energies, &p, argument(frame, 0)->dims[0]);
  return NULL;
}

/* moduli on their grid -> pairs, moduli, voxels, nodes, around, ranks, counts */
XLA_FFI_Error *trabfem_number(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  XLA_FFI_Buffer *grid = argument(frame, 0);
  int64_t elements = made(frame, 0)->dims[0], nodes = made(frame, 3)->dims[0], words = made(frame, 5)->dims[0];
  int32_t *room = malloc(2 * words * sizeof *room), *counts = made(frame, 6)->data;
  if (!room) return no_memory(frame);
  Numbering p = {grid->data, grid->dtype == XLA_FFI_DataType_F64,
                 {(int32_t)grid->dims[0], (int32_t)grid->dims[1], (int32_t)grid->dims[2]}, ((int32_t)grid->dims[2] + 32) / 32,
                 elements, nodes, made(frame, 5)->data, room, room + words, counts,
                 made(frame, 0)->data, made(frame, 1)->data, made(frame, 2)->data, made(frame, 3)->data, made(frame, 4)->data};
  counts[2] = 0;
  run_items(frame, mark_voxels, &p, words);
  run_items(frame, mark_nodes, &p, words);
  counts[1] = run_sums(p.node_counts, words);
  counts[0] = run_sums(p.voxel_counts, words);
  run_items(frame, rank_words, &p, words);
  run_items(frame, list_idle_voxels, &p, elements);
  run_items(frame, list_idle_nodes, &p, nodes);
  run_items(frame, list_voxels, &p, words);
  run_items(frame, list_nodes, &p, words);
  free(room);
  return NULL;
}

/* No parent has children on both sides of an even x. */
static void by_parents(XLA_FFI_CallFrame *frame, Task *task, const Condensation *g, const int16_t *cells, int64_t count) {
  int64_t starts[MOST_SLABS + 1];
  run(frame, task, g, starts, cut(cells, count, 2, starts), 1);
}

/* parent, octant, cells, count, moduli, form, the same of those held, entries, unit -> packed matrices of the parents */
XLA_FFI_Error *trabfem_condense_blocks(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  float *sums = no_sums(frame);
  if (!sums) return no_memory(frame);
  Condensation all = {given(frame, 0), given(frame, 1), given(frame, 4), given(frame, 5), sums};
  by_parents(frame, condense_families, &all, given(frame, 2), *(int32_t *)given(frame, 3));
  Condensation own = {given(frame, 6), given(frame, 7), given(frame, 10), given(frame, 11), sums};
  by_parents(frame, condense_matrices, &own, given(frame, 8), *(int32_t *)given(frame, 9));
  return pack(frame, sums);
}

/* parent, octant, cells, count, entries, unit -> packed matrices of the parents */
XLA_FFI_Error *trabfem_condense_matrices(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  float *sums = no_sums(frame);
  if (!sums) return no_memory(frame);
  Condensation g = {given(frame, 0), given(frame, 1), given(frame, 4), given(frame, 5), sums};
  by_parents(frame, condense_matrices, &g, given(frame, 2), *(int32_t *)given(frame, 3));
  return pack(frame, sums);
}

/* slot, conn, coarse field -> fine field */
XLA_FFI_Error *trabfem_prolong(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Interpolation p = {given(frame, 0), given(frame, 1), given(frame, 2), result(frame)};
  int64_t nodes = argument(frame, 0)->dims[0], starts[MOST_SLABS + 1];
  for (int k = 0; k <= MOST_SLABS; k++) starts[k] = nodes * k / MOST_SLABS;
  run(frame, prolong, &p, starts, MOST_SLABS, 1);
  return NULL;
}

/* slot, conn, fine field, positions and number of the nodes -> coarse field; positions only where nodes come sorted by x */
XLA_FFI_Error *trabfem_restrict(XLA_FFI_CallFrame *frame) {
  if (answered(frame)) return NULL;
  Interpolation p = {given(frame, 0), given(frame, 1), given(frame, 2), result(frame)};
  if (argument(frame, 3)->dims[0] == 0) {
    restrict_(&p, 0, argument(frame, 0)->dims[0]);
    return NULL;
  }
  /* A node reaches the vertices of the blocks on either side: slabs of four layers keep those of even number apart. */
  int64_t starts[MOST_SLABS + 1], count = *(int32_t *)given(frame, 4);
  int slabs = cut(given(frame, 3), count, 4, starts);
  run(frame, restrict_, &p, starts, slabs, 2);
  run(frame, restrict_, &p, starts + 1, slabs - 1, 2);
  return NULL;
}
