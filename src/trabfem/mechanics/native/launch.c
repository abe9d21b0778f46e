/* Starts the kernels of device.cu from compiled JAX programs on a GPU, through XLA's foreign-function interface.
 *
 * The driver of the GPU is opened at run time, so that this compiles and loads where there is none. With PRETEND defined
 * the kernels are compiled in and run one item after another on the host: so the tests run the very same kernels. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include("xla/ffi/api/c_api.h")
#include "xla/ffi/api/c_api.h"
#else
#include "xla_ffi.h"
#endif

#include "device.cu"

#define ALL(K)                                                                                                   \
  K(sum_moduli) K(voxels_of_floats) K(voxels_of_doubles) K(block_forces) K(matrix_forces) K(gather_corners)      \
  K(interpolate) K(restrict_nodes) K(condense) K(held_columns) K(diagonal_entries) K(dense_rows) K(energies)     \
  K(count_groups) K(fill_groups) K(sort_groups) K(begin_parents) K(see_elements) K(unite_elements)               \
  K(mark_parents) K(flatten_parents) K(number_parents) K(keep_parents) K(begin_vertices) K(see_corners)          \
  K(unite_corners) K(mark_vertices) K(number_vertices) K(place_children) K(place_vertices) K(finish_slots)       \
  K(sum_runs) K(run_on) K(fill) K(copy_number) K(copy_numbers) K(mark_voxels)                \
  K(mark_nodes) K(rank_words) K(list_voxels) K(list_nodes) K(list_idle_voxels) K(list_idle_nodes)                        \
  K(pack_matrix) K(find_moduli) K(list_touched) K(block_diagonal_entries) K(largest_eigenvalue)
#define NUMBER(name) KERNEL_##name,
enum { ALL(NUMBER) KERNELS };
enum { THREADS = 128 };

/* The stream of a call, and what went wrong in it. */
typedef struct {
  void *stream;
  int trouble;
} Queue;

#ifdef PRETEND

static int enter(XLA_FFI_CallFrame *frame, Queue *queue) { return (void)frame, queue->trouble = 0; }
static int leave(Queue *queue) { return queue->trouble; }
static void start(Queue *queue, void kernel(const void *, int64_t, int64_t), const void *arguments, int64_t count) {
  (void)queue;
  kernel(arguments, 0, count);
}
#define START(queue, name, arguments, count) start(queue, name, arguments, count)
int32_t trabfem_load_kernels(const void *image) { return image == NULL; }

#else

#include <dlfcn.h>

/* Of CUDA's driver interface, version 12.0 or later. */
static struct {
  int (*cuInit)(unsigned);
  int (*cuLibraryLoadData)(void **, const void *, void *, void *, unsigned, void *, void *, unsigned);
  int (*cuLibraryGetKernel)(void **, void *, const char *);
  int (*cuStreamGetCtx)(void *, void **);
  int (*cuCtxPushCurrent_v2)(void *);
  int (*cuCtxPopCurrent_v2)(void **);
  int (*cuLaunchKernel)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
} driver;
static void *kernels[KERNELS];

/* Open the driver and give it the compiled kernels; 0, or the driver's number of what went wrong, or -1 without a driver. */
int32_t trabfem_load_kernels(const void *image) {
#define NAME_OF(name) #name,
  static const char *names[] = {ALL(NAME_OF)};
  void *handle = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL), *library;
  if (!handle) return -1;
#define FIND(function) \
  if (!(*(void **)&driver.function = dlsym(handle, #function))) return -1;
  FIND(cuInit) FIND(cuLibraryLoadData) FIND(cuLibraryGetKernel) FIND(cuStreamGetCtx)
  FIND(cuCtxPushCurrent_v2) FIND(cuCtxPopCurrent_v2) FIND(cuLaunchKernel)
  int trouble = driver.cuInit(0);
  if (!trouble) trouble = driver.cuLibraryLoadData(&library, image, NULL, NULL, 0, NULL, NULL, 0);
  for (int k = 0; k < KERNELS && !trouble; k++) trouble = driver.cuLibraryGetKernel(&kernels[k], library, names[k]);
  return trouble;
}

/* The stream of the call, whose context is made current. */
static int enter(XLA_FFI_CallFrame *frame, Queue *queue) {
  XLA_FFI_Stream_Get_Args ask = {XLA_FFI_Stream_Get_Args_STRUCT_SIZE, NULL, frame->ctx, NULL};
  XLA_FFI_Error *error = frame->api->XLA_FFI_Stream_Get(&ask);
  void *context;
  if (error) {
    XLA_FFI_Error_Destroy_Args destroy = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, NULL, error};
    frame->api->XLA_FFI_Error_Destroy(&destroy);
    return queue->trouble = -1;
  }
  queue->stream = ask.stream;
  queue->trouble = driver.cuStreamGetCtx(queue->stream, &context);
  return queue->trouble = queue->trouble ? queue->trouble : driver.cuCtxPushCurrent_v2(context);
}

static int leave(Queue *queue) {
  void *context;
  int trouble = driver.cuCtxPopCurrent_v2(&context);
  return queue->trouble ? queue->trouble : trouble;
}

static void start(Queue *queue, int kernel, const void *arguments, int64_t count) {
  if (queue->trouble || count <= 0) return;
  void *parameters[] = {(void *)arguments, &count};
  unsigned blocks = (unsigned)((count + THREADS - 1) / THREADS);
  queue->trouble = driver.cuLaunchKernel(kernels[kernel], blocks, 1, 1, THREADS, 1, 1, 0, queue->stream, parameters, NULL);
}
#define START(queue, name, arguments, count) start(queue, KERNEL_##name, arguments, count)

#endif

/* ---- Arrays of a call ---------------------------------------------------------------------------------------------- */

static XLA_FFI_Buffer *argument(XLA_FFI_CallFrame *frame, int k) { return frame->args.args[k]; }
static XLA_FFI_Buffer *result(XLA_FFI_CallFrame *frame, int k) { return frame->rets.rets[k]; }
static void *given(XLA_FFI_CallFrame *frame, int k) { return argument(frame, k)->data; }
static void *made(XLA_FFI_CallFrame *frame, int k) { return result(frame, k)->data; }

/* Length of the axis that is `from_end` axes before the end: leading axes of cases may stand before. */
static int64_t length(const XLA_FFI_Buffer *buffer, int from_end) { return buffer->dims[buffer->rank - 1 - from_end]; }

static int64_t numbers_in(const XLA_FFI_Buffer *buffer) {
  int64_t count = 1;
  for (int64_t k = 0; k < buffer->rank; k++) count *= buffer->dims[k];
  return count;
}

static int answered(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Metadata_Extension *extension = (XLA_FFI_Metadata_Extension *)frame->extension_start;
  if (!extension || extension->extension_base.type != XLA_FFI_Extension_Metadata) return 0;
  XLA_FFI_Api_Version *version = &extension->metadata->api_version;
  version->major_version = XLA_FFI_API_MAJOR;
  version->minor_version = XLA_FFI_API_MINOR;
  return 1;
}

static XLA_FFI_Error *failed(XLA_FFI_CallFrame *frame, const char *name, int trouble) {
  char message[120];
  snprintf(message, sizeof message, "the GPU kernel of %s could not be started: CUDA's driver says %d", name, trouble);
  XLA_FFI_Error_Create_Args ask = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, NULL, message, XLA_FFI_Error_Code_INTERNAL};
  return frame->api->XLA_FFI_Error_Create(&ask);
}

/* A handler: its body queues kernels on `queue`. */
#define HANDLER(name)                                              \
  static void queue_##name(XLA_FFI_CallFrame *frame, Queue *queue); \
  XLA_FFI_Error *trabfem_gpu_##name(XLA_FFI_CallFrame *frame) {    \
    Queue queue;                                                   \
    if (answered(frame)) return NULL;                              \
    if (!enter(frame, &queue)) {                                   \
      queue_##name(frame, &queue);                                 \
      leave(&queue);                                               \
    }                                                              \
    return queue.trouble ? failed(frame, #name, queue.trouble) : NULL; \
  }                                                                \
  static void queue_##name(XLA_FFI_CallFrame *frame, Queue *queue)

static void set(Queue *queue, void *place, int64_t count, int32_t value) {
  Filling filling = {place, value};
  START(queue, fill, &filling, count);
}

/* Sums of all values before each one, in place; `above` has room for a value a run, and for one a run of those. */
static void run_sums(Queue *queue, int32_t *values, int64_t count, int32_t *above) {
  int64_t runs = (count + RUN - 1) / RUN;
  Runs arguments = {values, runs > 1 ? above : NULL, count};
  if (runs > 1) {
    START(queue, sum_runs, &arguments, runs);
    run_sums(queue, above, runs, above + runs);
  }
  START(queue, run_on, &arguments, runs);
}

/* ---- The fine operator --------------------------------------------------------------------------------------------- */

/* pairs, voxels, count, modulus, nodes, around, ranks -> sum around every node */
HANDLER(sum_moduli) {
  XLA_FFI_Buffer *ranks = argument(frame, 6);
  Nodes p = {given(frame, 4), given(frame, 5), ranks->data, given(frame, 3), NULL, NULL, made(frame, 0),
             (int32_t)length(ranks, 2), (int32_t)length(ranks, 1)};
  START(queue, sum_moduli, &p, length(argument(frame, 5), 0));
}

/* pairs, voxels, count, modulus, stiffness, u, nodes, around, ranks -> f */
HANDLER(voxels) {
  XLA_FFI_Buffer *ranks = argument(frame, 8), *u = argument(frame, 5);
  int64_t nodes = length(u, 1), cases = numbers_in(result(frame, 0)) / (3 * nodes), one = numbers_in(u) == 3 * nodes;
  int doubles = u->dtype == XLA_FFI_DataType_F64, bytes = doubles ? 8 : 4;
  for (int64_t c = 0; c < cases; c++) {
    int64_t at = 3 * nodes * bytes * c;
    Nodes p = {given(frame, 6), given(frame, 7), ranks->data, given(frame, 3), given(frame, 4), (char *)u->data + (one ? 0 : at),
               (char *)made(frame, 0) + at, (int32_t)length(ranks, 2), (int32_t)length(ranks, 1)};
    if (doubles) START(queue, voxels_of_doubles, &p, nodes); else START(queue, voxels_of_floats, &p, nodes);
  }
}

/* ---- Coarse operators ---------------------------------------------------------------------------------------------- */

static void gather(Queue *queue, const float *corners, int64_t room, int planes, const int32_t *starts, const int32_t *list,
                   float *out, int64_t vertices) {
  Gather p = {corners, planes ? 1 : 24, planes ? room : 1, starts, list, out};
  START(queue, gather_corners, &p, vertices);
}

/* conn, cell, count, moduli, form, held, their conn, cell, and count, entries, unit, u, starts, list -> f, corner forces */
HANDLER(blocks) {
  int64_t room = length(argument(frame, 0), 1), held = length(argument(frame, 5), 0), vertices = length(argument(frame, 11), 1);
  int64_t cases = numbers_in(result(frame, 0)) / (3 * vertices);
  for (int64_t c = 0; c < cases; c++) {
    const float *u = (const float *)given(frame, 11) + 3 * vertices * c;
    float *corners = made(frame, 1);
    Product blocks = {given(frame, 0), given(frame, 2), NULL, given(frame, 3), given(frame, 4), u, corners, room};
    Product own = {given(frame, 0), given(frame, 8), given(frame, 5), given(frame, 9), given(frame, 10), u, corners, room};
    START(queue, block_forces, &blocks, room);
    START(queue, matrix_forces, &own, held);
    gather(queue, corners, room, 1, given(frame, 12), given(frame, 13), (float *)made(frame, 0) + 3 * vertices * c, vertices);
  }
}

/* conn, cell, count, entries, unit, u, starts, list -> f, corner forces */
HANDLER(matrices) {
  int64_t room = length(argument(frame, 0), 1), vertices = length(argument(frame, 5), 1);
  int64_t cases = numbers_in(result(frame, 0)) / (3 * vertices);
  for (int64_t c = 0; c < cases; c++) {
    const float *u = (const float *)given(frame, 5) + 3 * vertices * c;
    Product p = {given(frame, 0), given(frame, 2), NULL, given(frame, 3), given(frame, 4), u, made(frame, 1), room};
    START(queue, matrix_forces, &p, room);
    gather(queue, p.corners, room, 1, given(frame, 6), given(frame, 7), (float *)made(frame, 0) + 3 * vertices * c, vertices);
  }
}

/* conn, cell, count, values of corners, starts, list -> f */
HANDLER(assemble) {
  int64_t vertices = length(result(frame, 0), 1);
  gather(queue, given(frame, 3), 0, 0, given(frame, 4), given(frame, 5), made(frame, 0), vertices);
}

/* ---- Interpolation -------------------------------------------------------------------------------------------------- */

/* slot, conn, coarse field -> fine field */
HANDLER(prolong) {
  int64_t nodes = length(argument(frame, 0), 0), vertices = length(argument(frame, 2), 1);
  for (int64_t c = 0; c < numbers_in(result(frame, 0)) / (3 * nodes); c++) {
    Interpolation p = {given(frame, 0), given(frame, 1), NULL, NULL, (const float *)given(frame, 2) + 3 * vertices * c,
                       (float *)made(frame, 0) + 3 * nodes * c, 0};
    START(queue, interpolate, &p, nodes);
  }
}

/* slot, conn, fine field, positions, count, starts and list of nodes, starts and list of corners -> coarse field, corners */
HANDLER(restrict) {
  int64_t nodes = length(argument(frame, 0), 0), parents = length(argument(frame, 1), 1);
  int64_t vertices = length(result(frame, 0), 1);
  for (int64_t c = 0; c < numbers_in(result(frame, 0)) / (3 * vertices); c++) {
    Interpolation p = {given(frame, 0), given(frame, 1), given(frame, 5), given(frame, 6),
                       (const float *)given(frame, 2) + 3 * nodes * c, made(frame, 1), parents};
    START(queue, restrict_nodes, &p, 8 * parents);
    gather(queue, p.out, parents, 1, given(frame, 7), given(frame, 8), (float *)made(frame, 0) + 3 * vertices * c, vertices);
  }
}

/* ---- Set-up --------------------------------------------------------------------------------------------------------- */

/* Packed matrices, the first two results, of the sums in the third. */
static void pack(XLA_FFI_CallFrame *frame, Queue *queue) {
  Packing p = {made(frame, 2), made(frame, 0), made(frame, 1)};
  START(queue, pack_matrix, &p, numbers_in(result(frame, 1)));
}

/* starts, children, octant, pairs, moduli, free -> moduli of blocks, those touched, how many, place among them, running sums */
HANDLER(touched) {
  int64_t blocks = length(argument(frame, 0), 0) - 1, room = length(result(frame, 1), 0);
  int32_t *before = made(frame, 4);
  Touched p = {given(frame, 0), given(frame, 1), given(frame, 2), given(frame, 3), given(frame, 4), given(frame, 5),
               made(frame, 0), made(frame, 3)};
  Listing listing = {p, before, made(frame, 1), room, blocks - 1};
  /* Idle entries stand for the last block, which is idle. */
  set(queue, listing.held, room, (int32_t)blocks - 1);
  START(queue, find_moduli, &p, blocks);
  Copies flags = {p.place, before, blocks};
  START(queue, copy_numbers, &flags, blocks + 1);
  run_sums(queue, before, blocks + 1, before + blocks + 1);
  START(queue, list_touched, &listing, blocks);
  Copy copy = {before + blocks, made(frame, 2)};
  START(queue, copy_number, &copy, 1);
}

/* held, count, starts, children, octant, pairs, modulus, stiffness, free -> packed matrices, room for them as floats */
HANDLER(held) {
  Held p = {given(frame, 0), given(frame, 1), given(frame, 2), given(frame, 3), given(frame, 4),
            given(frame, 5), given(frame, 6), given(frame, 7), given(frame, 8), made(frame, 2)};
  START(queue, held_columns, &p, 24 * length(argument(frame, 0), 0));
  pack(frame, queue);
}

/* parent, octant, cell, count, moduli, form, parent, octant and cell of held, their count, entries, unit, number of parents,
 * starts, children, place among the held -> packed matrices, room for them as floats */
HANDLER(condense_blocks) {
  Condensation p = {given(frame, 1), given(frame, 12), given(frame, 13), given(frame, 14), given(frame, 15), given(frame, 4),
                    given(frame, 5), given(frame, 10), given(frame, 11), made(frame, 2)};
  START(queue, condense, &p, numbers_in(result(frame, 2)));
  pack(frame, queue);
}

/* parent, octant, cell, count, entries, unit, number of parents, starts, children -> packed matrices, room for them as floats */
HANDLER(condense_matrices) {
  Condensation p = {given(frame, 1), given(frame, 6), given(frame, 7), given(frame, 8), NULL, NULL,
                    NULL, given(frame, 4), given(frame, 5), made(frame, 2)};
  START(queue, condense, &p, numbers_in(result(frame, 2)));
  pack(frame, queue);
}

/* count, entries, unit -> nodal diagonals */
HANDLER(diagonals) {
  Matrix p = {given(frame, 0), NULL, given(frame, 1), given(frame, 2), made(frame, 0)};
  START(queue, diagonal_entries, &p, numbers_in(result(frame, 0)));
}

/* count, entries, unit, place, moduli, form -> nodal diagonals */
HANDLER(block_diagonals) {
  Diagonal p = {{given(frame, 0), NULL, given(frame, 1), given(frame, 2), made(frame, 0)},
                given(frame, 3), given(frame, 4), given(frame, 5)};
  START(queue, block_diagonal_entries, &p, numbers_in(result(frame, 0)));
}

/* diagonals, beside them -> largest eigenvalue of each */
HANDLER(largest) {
  int64_t parts = numbers_in(result(frame, 0)), size = numbers_in(argument(frame, 0)) / parts;
  Tridiagonal p = {given(frame, 0), given(frame, 1), size, parts, made(frame, 0)};
  START(queue, largest_eigenvalue, &p, parts);
}

/* conn, count, entries, unit -> dense matrices of all parts */
HANDLER(dense) {
  int64_t size = length(result(frame, 0), 0);
  Dense p = {{given(frame, 1), given(frame, 0), given(frame, 2), given(frame, 3), made(frame, 0)}, size};
  START(queue, dense_rows, &p, size * length(result(frame, 0), 2));
}

/* pairs, modulus, form, u -> energy of every element */
HANDLER(energies) {
  Energies p = {given(frame, 0), given(frame, 1), given(frame, 2), given(frame, 3), made(frame, 0)};
  START(queue, energies, &p, length(result(frame, 0), 0));
}

static void group(Queue *queue, const Groups *p, int64_t items, int32_t *room) {
  int64_t groups = p->groups;
  set(queue, p->starts, groups + 1, 0);
  set(queue, p->used, groups, 0);
  START(queue, count_groups, p, items);
  run_sums(queue, p->starts, groups + 1, room);
  START(queue, fill_groups, p, items);
  START(queue, sort_groups, p, groups);
}

/* conn (or pairs), cell, count, positions of nodes ->
 * parent, octant, slot, conn, cell and positions of the coarse level, numbers of parents and vertices,
 * starts and list of the corners of vertices, of the children of parents, and of the nodes of parents,
 * room: places of nodes, numbers of roots, corners, running sums */
HANDLER(split) {
  XLA_FFI_Buffer *conn = argument(frame, 0);
  int64_t elements = length(conn, 1), nodes = length(argument(frame, 3), 1);
  int64_t parents = length(result(frame, 4), 1), vertices = length(result(frame, 5), 1);
  int32_t *seen = made(frame, 13), *rank = made(frame, 14), *room = made(frame, 16), *found = made(frame, 6);
  Split p = {conn->data, given(frame, 2), given(frame, 1), length(conn, 0) == 4, made(frame, 0), made(frame, 15), seen, rank, found,
             made(frame, 1), made(frame, 2), made(frame, 3), made(frame, 4), made(frame, 5), {parents, vertices}};
  set(queue, seen, 8 * nodes, INT32_MAX);
  START(queue, begin_parents, &p, elements);
  START(queue, see_elements, &p, elements);
  START(queue, unite_elements, &p, elements);
  START(queue, flatten_parents, &p, elements);
  set(queue, rank + elements, 1, 0);
  START(queue, mark_parents, &p, elements);
  run_sums(queue, rank, elements + 1, room);
  START(queue, number_parents, &p, elements);
  START(queue, keep_parents, &p, elements);
  Copy copy = {rank + elements, found};
  START(queue, copy_number, &copy, 1);

  set(queue, seen, 8 * nodes, INT32_MAX);
  START(queue, begin_vertices, &p, 8 * parents);
  START(queue, see_corners, &p, elements);
  START(queue, unite_corners, &p, elements);
  set(queue, rank + 8 * parents, 1, 0);
  START(queue, mark_vertices, &p, 8 * parents);
  run_sums(queue, rank, 8 * parents + 1, room);
  START(queue, number_vertices, &p, 8 * parents);
  Copy second = {rank + 8 * parents, found + 1};
  START(queue, copy_number, &second, 1);

  set(queue, p.slot, nodes, -1);
  set(queue, p.coarse_cell, (3 * parents * 2 + 3) / 4, 0);
  set(queue, p.coarse_nodes, (3 * vertices * 2 + 3) / 4, 0);
  START(queue, place_children, &p, elements);
  START(queue, place_vertices, &p, 8 * parents);
  Groups corners = {p.coarse_conn, found, 8, 1, vertices, made(frame, 7), rank, made(frame, 8)};
  group(queue, &corners, 8 * parents, room);
  Groups children = {p.parent, p.count, 1, 1, parents, made(frame, 9), rank, made(frame, 10)};
  group(queue, &children, elements, room);
  Groups own = {p.slot, NULL, 1, 27, parents, made(frame, 11), rank, made(frame, 12)};
  group(queue, &own, nodes, room);
  START(queue, finish_slots, &p, nodes);
}

/* moduli on their grid -> pairs, moduli, voxels, nodes, around, ranks, counts, room for those of words and running sums */
HANDLER(number) {
  XLA_FFI_Buffer *grid = argument(frame, 0);
  int64_t elements = length(result(frame, 0), 1), nodes = length(result(frame, 3), 1), words = length(result(frame, 5), 1);
  int32_t *node_counts = made(frame, 7), *voxel_counts = node_counts + words + 1, *counts = made(frame, 6);
  Numbering p = {grid->data, grid->dtype == XLA_FFI_DataType_F64,
                 {(int32_t)length(grid, 2), (int32_t)length(grid, 1), (int32_t)length(grid, 0)}, 0, elements, nodes, made(frame, 5),
                 node_counts, voxel_counts, counts, made(frame, 0), made(frame, 1), made(frame, 2), made(frame, 3), made(frame, 4)};
  p.words = (p.shape[2] + 32) / 32;
  set(queue, counts, 3, 0);
  set(queue, node_counts, 2 * (words + 1), 0);
  START(queue, mark_voxels, &p, words);
  START(queue, mark_nodes, &p, words);
  run_sums(queue, node_counts, words + 1, voxel_counts + words + 1);
  run_sums(queue, voxel_counts, words + 1, voxel_counts + words + 1);
  Copy voxels = {voxel_counts + words, counts}, corners = {node_counts + words, counts + 1};
  START(queue, copy_number, &voxels, 1);
  START(queue, copy_number, &corners, 1);
  START(queue, rank_words, &p, words);
  START(queue, list_idle_voxels, &p, elements);
  START(queue, list_idle_nodes, &p, nodes);
  START(queue, list_voxels, &p, words);
  START(queue, list_nodes, &p, words);
}
