/* Products of elements with nodal fields, in one precision: included once a type, with REAL and NAME(x) set.
 *
 * LANES elements go together, one to a lane of a vector. See modes.py for the algebra: K_e = H^T A_e H. */

#define LANES ((int)(64 / sizeof(REAL)))
#define VECTOR NAME(vector)
typedef REAL VECTOR __attribute__((vector_size(64)));

/* t = H u in place: sums and differences along each axis; 24 values, component fastest. */
static inline void NAME(transform)(VECTOR *t) {
  for (int bit = 1; bit < 8; bit *= 2)
    for (int a = 0; a < 8; a++)
      if (!(a & bit))
        for (int c = 0; c < 3; c++) {
          VECTOR low = t[3 * a + c], high = t[3 * (a | bit) + c];
          t[3 * a + c] = low + high;
          t[3 * (a | bit) + c] = low - high;
        }
}

/* Where a nodal field has corner a of a lane's element: of eight numbers in `conn`, or four of pairs along z. */
static inline int64_t NAME(place)(const int32_t *conn, int paired, int lane, int a) {
  return 3 * (int64_t)(paired ? conn[4 * lane + a / 2] + a % 2 : conn[8 * lane + a]);
}

static inline void NAME(gather)(const int32_t *conn, int paired, const REAL *u, VECTOR *t) {
  REAL *out = (REAL *)t;
  for (int lane = 0; lane < LANES; lane++)
    for (int a = 0; a < 8; a++) {
      const REAL *node = u + NAME(place)(conn, paired, lane, a);
      for (int c = 0; c < 3; c++) out[(3 * a + c) * LANES + lane] = node[c];
    }
}

/* Only lanes first..last: the others belong to a neighbouring slab. */
static inline void NAME(scatter)(const int32_t *conn, int paired, const VECTOR *t, int first, int last, REAL *f) {
  const REAL *in = (const REAL *)t;
  for (int lane = first; lane < last; lane++)
    for (int a = 0; a < 8; a++) {
      REAL *node = f + NAME(place)(conn, paired, lane, a);
      for (int c = 0; c < 3; c++) node[c] += in[(3 * a + c) * LANES + lane];
    }
}

/* A voxel: modes couple in eight blocks of 3 x 3, `form` holds them. */
static inline void NAME(voxel)(const Product *p, int64_t e, const VECTOR *t, VECTOR *y) {
  const REAL *form = p->form;
  VECTOR modulus;
  for (int lane = 0; lane < LANES; lane++) modulus[lane] = ((const float *)p->data)[e + lane];
  for (int parity = 0; parity < 8; parity++, form += 9) {
    VECTOR in[3];
    for (int c = 0; c < 3; c++) in[c] = modulus * t[3 * (parity ^ (4 >> c)) + c];
    for (int c = 0; c < 3; c++)
      y[3 * (parity ^ (4 >> c)) + c] = form[3 * c] * in[0] + form[3 * c + 1] * in[1] + form[3 * c + 2] * in[2];
  }
}

/* The elements begin..end; `multiply` is one of the functions above or below, and inlined. */
static inline __attribute__((always_inline)) void NAME(range)(
    const Product *p, int64_t begin, int64_t end, int paired,
    void multiply(const Product *, int64_t, const VECTOR *, VECTOR *)) {
  VECTOR t[24], y[24];
  for (int64_t e = begin / LANES * LANES; e < end; e += LANES) {
    int first = e < begin ? (int)(begin - e) : 0, last = end - e < LANES ? (int)(end - e) : LANES;
    const int32_t *conn = p->conn + (paired ? 4 : 8) * e;
    NAME(gather)(conn, paired, p->u, t);
    NAME(transform)(t);
    multiply(p, e, t, y);
    NAME(transform)(y);
    NAME(scatter)(conn, paired, y, first, last, p->f);
  }
}

static void NAME(voxels)(const void *p, int64_t begin, int64_t end) { NAME(range)(p, begin, end, 1, NAME(voxel)); }
