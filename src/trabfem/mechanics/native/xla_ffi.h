/* What kernels.c and launch.c use of XLA's foreign-function interface, version 0.3, so that it compiles where JAX is not installed.
 *
 * The layout is that of xla/ffi/api/c_api.h of OpenXLA. Within a major version structures only grow at their end, and
 * XLA accepts a library for at least a year after the version that it was compiled for. What is not used here has no name.
 * tests/test_mechanics_builds.py compares this with the header of the JAX that is installed. */

#include <stddef.h>
#include <stdint.h>

enum { XLA_FFI_API_MAJOR = 0, XLA_FFI_API_MINOR = 3 };
enum { XLA_FFI_DataType_F64 = 12 };
enum { XLA_FFI_Extension_Metadata = 1 };
enum { XLA_FFI_Error_Code_INTERNAL = 13 };

typedef struct XLA_FFI_Error XLA_FFI_Error;
typedef struct XLA_FFI_ExecutionContext XLA_FFI_ExecutionContext;

/* Every structure says how far its maker knew it: to the end of the last field, without padding. */
#define STRUCT_SIZE(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

typedef struct XLA_FFI_Extension_Base {
  size_t struct_size;
  unsigned type;
  struct XLA_FFI_Extension_Base *next;
} XLA_FFI_Extension_Base;

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  int major_version, minor_version;
} XLA_FFI_Api_Version;

typedef struct {
  size_t struct_size;
  XLA_FFI_Api_Version api_version;
} XLA_FFI_Metadata;

typedef struct {
  XLA_FFI_Extension_Base extension_base;
  XLA_FFI_Metadata *metadata;
} XLA_FFI_Metadata_Extension;

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  unsigned dtype;
  void *data;
  int64_t rank, *dims;
} XLA_FFI_Buffer;

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  const char *message;
  unsigned errc;
} XLA_FFI_Error_Create_Args;
#define XLA_FFI_Error_Create_Args_STRUCT_SIZE STRUCT_SIZE(XLA_FFI_Error_Create_Args, errc)

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  XLA_FFI_ExecutionContext *ctx;
  void *stream;
} XLA_FFI_Stream_Get_Args;
#define XLA_FFI_Stream_Get_Args_STRUCT_SIZE STRUCT_SIZE(XLA_FFI_Stream_Get_Args, stream)

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  XLA_FFI_Error *error;
} XLA_FFI_Error_Destroy_Args;
#define XLA_FFI_Error_Destroy_Args_STRUCT_SIZE STRUCT_SIZE(XLA_FFI_Error_Destroy_Args, error)

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  XLA_FFI_ExecutionContext *ctx;
  void (*task)(void *data);
  void *data;
} XLA_FFI_ThreadPool_Schedule_Args;
#define XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE STRUCT_SIZE(XLA_FFI_ThreadPool_Schedule_Args, data)

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  XLA_FFI_ExecutionContext *ctx;
  int64_t *num_threads;
} XLA_FFI_ThreadPool_NumThreads_Args;
#define XLA_FFI_ThreadPool_NumThreads_Args_STRUCT_SIZE STRUCT_SIZE(XLA_FFI_ThreadPool_NumThreads_Args, num_threads)

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  XLA_FFI_Api_Version api_version;
  const void *internal_api;
  XLA_FFI_Error *(*XLA_FFI_Error_Create)(XLA_FFI_Error_Create_Args *args);
  void (*unused_before[1])(void);
  void (*XLA_FFI_Error_Destroy)(XLA_FFI_Error_Destroy_Args *args);
  void (*unused_between[1])(void);
  XLA_FFI_Error *(*XLA_FFI_Stream_Get)(XLA_FFI_Stream_Get_Args *args);
  void (*unused_after[6])(void);
  XLA_FFI_Error *(*XLA_FFI_ThreadPool_Schedule)(XLA_FFI_ThreadPool_Schedule_Args *args);
  XLA_FFI_Error *(*XLA_FFI_ThreadPool_NumThreads)(XLA_FFI_ThreadPool_NumThreads_Args *args);
} XLA_FFI_Api;

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  int64_t size;
  unsigned *types;
  void **args;
} XLA_FFI_Args;

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  int64_t size;
  unsigned *types;
  void **rets;
} XLA_FFI_Rets;

typedef struct {
  size_t struct_size;
  XLA_FFI_Extension_Base *extension_start;
  const XLA_FFI_Api *api;
  XLA_FFI_ExecutionContext *ctx;
  unsigned stage;
  XLA_FFI_Args args;
  XLA_FFI_Rets rets;
} XLA_FFI_CallFrame;
