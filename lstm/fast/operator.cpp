// An LSTM or a GRU through time on a CPU: one parallel region for all steps.
//
// N batch   L sequence length   H hidden size   V vector: as many units as a register has
// R rows: all vectors of a batch, those of step 0, then those of step 1, as packed ones
// P products: the sums of a unit that its old state takes part in; LSTM 4, GRU 3
//
// What does not hang on the step before is one product for all steps: the input's part of
// the sums before, left to ATen unless the inputs are few, and the gradients of the
// weights after, made here in the same tiles. A tile is some sequences times one vector of
// units. Its sums stay in registers from the product to the gates, so that between the two
// nothing is written.
//
//   values (R, 4H)   LSTM: sums of the input, then the gates i, f, g, o
//                    GRU: the same of n, r, z; then n, r, z, q, the state's part of n
//                    on the way back: over them the loss's derivatives by the sums
//   hidden, cells    (R + N, H), the N first states before the rows, or behind them when
//                    the direction is reverse; a GRU has no cells
//   reset            (R), true where a row comes from zeros and not from the state before

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/cpu/vec/functional.h>
#include <ATen/cpu/vec/vec.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>
#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num() { return 0; }
static int omp_get_num_threads() { return 1; }
#endif

namespace {

using Int = int64_t;
template <typename T>
using Vec = at::vec::Vectorized<T>;
template <typename T>
constexpr Int WIDTH = Vec<T>::size();

template <typename T>
Vec<T> load(const T* p, Int n = WIDTH<T>) {
  return Vec<T>::loadu(p, n);
}

void fetch(const void* p) {  // into the cache, before it is needed
#ifdef __GNUC__
  __builtin_prefetch(p);
#endif
}

// float: by one exponential, right to about 1e-7, which is what a float can hold near 1;
// what is not a number has to be carried past it, for its limits swallow that
template <typename T>
Vec<T> sigmoid(Vec<T> x) {
  return Vec<T>::blendv(Vec<T>(1) / (Vec<T>(1) + x.neg().exp_u20()), x, x.isnan());
}
Vec<float> tanh(Vec<float> x) {
  const Vec<float> one = 1, two = 2;
  return Vec<float>::blendv(one - two / (one + (x + x).exp_u20()), x, x.isnan());
}
Vec<double> tanh(Vec<double> x) { return x.tanh(); }

// Which rows are computed in which order, and which follows which.
struct Rows {
  std::vector<Int> size, begin;  // of each step
  Int steps, batch = 0, count = 0;
  bool reverse;
  const bool* reset;  // of each row, whether it begins with zeros; null: none does

  Rows(at::IntArrayRef sizes, bool reverse, const std::optional<at::Tensor>& reset)
      : size(sizes.vec()), steps(sizes.size()), reverse(reverse),
        reset(reset ? reset->data_ptr<bool>() : nullptr) {
    for (Int n : size) {
      begin.push_back(count);
      count += n;
      batch = std::max(batch, n);
    }
  }
  Int step(Int k) const { return reverse ? steps - 1 - k : k; }
  bool runs(Int t, Int n) const { return 0 <= t && t < steps && n < size[t]; }
  // where the state of a row, and the one it comes from, lie among the states
  Int state(Int t, Int n) const { return (reverse ? 0 : batch) + begin[t] + n; }
  Int before(Int t, Int n) const {
    const Int last = reverse ? t + 1 : t - 1;
    return runs(last, n) ? state(last, n) : (reverse ? count : 0) + n;
  }
  bool anew(Int row) const { return reset && reset[row]; }
  // the row computed next of a sequence, -1 at its end; the one computed first
  Int after(Int t, Int n) const {
    const Int next = reverse ? t - 1 : t + 1;
    return runs(next, n) ? begin[next] + n : -1;
  }
  Int first(Int n) const {
    Int t = reverse ? steps - 1 : 0;
    while (!runs(t, n)) --t;
    return begin[t] + n;
  }
};

// A thread's part of every step: some sequences, which wait for nobody, or some vectors
// of units, and then all wait for one another after each step.
struct Share {
  Int unit, units, row, rows;  // from, to
  bool wait;

  Share(Int vectors, Int batch, bool by_units) {
    const Int me = omp_get_thread_num(), all = omp_get_num_threads();
    unit = by_units ? vectors * me / all : 0;
    units = by_units ? vectors * (me + 1) / all : vectors;
    row = by_units ? 0 : batch * me / all;
    rows = by_units ? batch : batch * (me + 1) / all;
    wait = by_units && all > 1;
  }
  void barrier() const {
    if (wait) {
#pragma omp barrier
    }
  }
};

// Calls f(row, m) for tiles of m <= M rows, as equal as can be; m is known when this is
// compiled, so that a tile's sums can be held in registers.
template <int M, class F>
void with_size(Int m, F&& f) {
  if constexpr (M > 1) {
    if (m < M) return with_size<M - 1>(m, f);
  }
  f(std::integral_constant<int, M>());
}
template <int M, class F>
void in_tiles(Int row, Int end, F&& f) {
  while (row < end) {
    const Int tiles = (end - row + M - 1) / M, size = (end - row + tiles - 1) / tiles;
    with_size<M>(size, [&](auto m) { f(row, m); });
    row += size;
  }
}

// sums[m][p] += the sum over k of a[m][k * step] * panel[k][p]
template <typename T, int M, int P>
void product(Vec<T> (&sums)[M][P], const T* const (&a)[M], const T* panel, Int K,
             Int step = 1) {
  Vec<T> s[M][P];  // nothing else can point to these, so that they stay in registers
  for (int m = 0; m < M; ++m) std::copy_n(sums[m], P, s[m]);
  for (Int k = 0; k < K; ++k, panel += P * WIDTH<T>) {
    Vec<T> w[P];
    for (int p = 0; p < P; ++p) w[p] = load(panel + p * WIDTH<T>);
    for (int m = 0; m < M; ++m) {
      const Vec<T> x(a[m][k * step]);
      for (int p = 0; p < P; ++p) s[m][p] = at::vec::fmadd(x, w[p], s[m][p]);
    }
  }
  for (int m = 0; m < M; ++m) std::copy_n(s[m], P, sums[m]);
}

// The same from weights (P*H, K) as they lie, for n of the H units: no panel has to be made.
template <typename T, int M, int P>
void dots(Vec<T> (&sums)[M][P], const T* const (&a)[M], const T* w, Int K, Int H, Int n) {
  T out[M][P][WIDTH<T>] = {};
  for (Int j = 0; j < n; ++j, w += K) {
    Vec<T> part[M][P];
    for (auto& row : part) std::fill(row, row + P, Vec<T>(0));
    for (Int k = 0; k < K; k += WIDTH<T>) {
      const Int some = std::min(WIDTH<T>, K - k);
      for (int m = 0; m < M; ++m) {
        const auto x = load(a[m] + k, some);
        for (int p = 0; p < P; ++p)
          part[m][p] = at::vec::fmadd(x, load(w + p * H * K + k, some), part[m][p]);
      }
    }
    const auto add = [](Vec<T>& x, Vec<T>& y) { return x + y; };
    for (int m = 0; m < M; ++m)
      for (int p = 0; p < P; ++p)
        out[m][p][j] = at::vec::vec_reduce_all<T>(add, part[m][p]);
  }
  for (int m = 0; m < M; ++m)
    for (int p = 0; p < P; ++p) sums[m][p] = sums[m][p] + load(out[m][p]);
}

// The weights (P*H, K) in the order in which tiles read them.
template <int P, typename T>
void make_panel(const T* w, T* panel, Int u, Int K, Int H) {  // (K, P, V): unit u and on
  constexpr Int V = WIDTH<T>;
  const Int n = std::min(V, H - u);
  if (n < V) std::fill(panel, panel + K * P * V, T(0));
  for (Int p = 0; p < P; ++p)
    at::vec::transpose_mxn<T>(w + (p * H + u) * K, K, panel + p * V, P * V, n, K);
}
template <int Q, typename T>
void make_panel_back(const T* w, T* panel, Int u, Int K, Int H, Int S) {  // (K, Q, V)
  const Int n = std::min(Q * WIDTH<T>, H - u);
  for (Int k = 0; k < K; ++k, panel += Q * WIDTH<T>) {
    std::copy_n(w + k * S + u, n, panel);
    std::fill(panel + n, panel + Q * WIDTH<T>, T(0));
  }
}

// The cells: what becomes of a unit's sums, and of the derivatives on their way back.
// x: the input's sums, X apart   v: a row of values   old: c, in a GRU h, before
// carry: what the next step hands back beside the products; all at a vector of n units
struct LSTM {
  static constexpr int P = 4, SKIP = 0;  // slopes (H each) before those of the products

  template <typename T>
  static void forward(const Vec<T> (&s)[4], const T* x, Int X, const T*, T* v,
                      const T* old, T* c, T* h, Int H, Int n) {
    const auto i = sigmoid(s[0] + load(x, n)), f = sigmoid(s[1] + load(x + X, n));
    const auto g = tanh(s[2] + load(x + 2 * X, n)), o = sigmoid(s[3] + load(x + 3 * X, n));
    const auto cell = f * load(old, n) + i * g;
    i.store(v, n), f.store(v + H, n), g.store(v + 2 * H, n), o.store(v + 3 * H, n);
    cell.store(c, n), (o * tanh(cell)).store(h, n);
  }
  template <typename T>
  static void backward(Vec<T> d_h, T* carry, T* v, const T* old, const T* c, Int H,
                       Int n) {
    const auto i = load(v, n), f = load(v + H, n), g = load(v + 2 * H, n);
    const auto o = load(v + 3 * H, n), shown = tanh(load(c, n)), one = Vec<T>(1);
    const auto d_c = load(carry, n) + d_h * o * (one - shown * shown);
    (d_c * g * i * (one - i)).store(v, n);
    (d_c * load(old, n) * f * (one - f)).store(v + H, n);
    (d_c * i * (one - g * g)).store(v + 2 * H, n);
    (d_h * shown * o * (one - o)).store(v + 3 * H, n);
    (d_c * f).store(carry, n);
  }
  template <typename T>
  static Vec<T> into_first(Vec<T> d_h, const T*, Int) { return d_h; }
};

struct GRU {
  static constexpr int P = 3, SKIP = 1;

  template <typename T>
  static void forward(const Vec<T> (&s)[3], const T* x, Int X, const T* bias, T* v,
                      const T* old, T*, T* h, Int H, Int n) {
    const auto r = sigmoid(s[0] + load(x + X, n)), z = sigmoid(s[1] + load(x + 2 * X, n));
    const auto q = s[2] + load(bias, n), candidate = tanh(load(x, n) + r * q);
    candidate.store(v, n), r.store(v + H, n), z.store(v + 2 * H, n), q.store(v + 3 * H, n);
    (candidate + z * (load(old, n) - candidate)).store(h, n);
  }
  template <typename T>
  static void backward(Vec<T> d_h, T* carry, T* v, const T* old, const T*, Int H, Int n) {
    const auto candidate = load(v, n), r = load(v + H, n), z = load(v + 2 * H, n);
    const auto q = load(v + 3 * H, n), one = Vec<T>(1);
    d_h = d_h + load(carry, n);
    const auto d_n = d_h * (one - z) * (one - candidate * candidate);
    d_n.store(v, n);
    (d_n * q * r * (one - r)).store(v + H, n);
    (d_h * (load(old, n) - candidate) * z * (one - z)).store(v + 2 * H, n);
    (d_n * r).store(v + 3 * H, n);
    (d_h * z).store(carry, n);
  }
  template <typename T>
  static Vec<T> into_first(Vec<T> d_h, const T* carry, Int n) { return d_h + load(carry, n); }
};

Int own_cache() {  // what a core has for itself, in bytes
#ifdef _SC_LEVEL2_CACHE_SIZE
  static const Int found = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (found > 0) return found;
#endif
  return 1 << 20;
}
// By sequences while the weights fit well into each core's own cache; else each core keeps
// to its part of them.
bool by_units(const Rows& rows, const at::Tensor& w, Int threads) {
  return rows.batch < 4 * threads || 2 * Int(w.nbytes()) > own_cache();
}
Int crew(const Rows& rows, const at::Tensor& w) {  // a small step is faster alone
  return rows.batch * w.numel() < (1 << 17) ? 1 : at::get_num_threads();
}
template <typename T>
at::Tensor room(Int size) {
  return at::empty({size}, c10::CppTypeToScalarType<T>::value);
}

// sums: the values, or with tokens a table of rows, one for each token
// inputs: (R, D) and their weights in the order of the values, if they are few: multiplied
// here, and sums are the bias alone, one row for all   bias: (H), of the GRU's q
template <class Cell, typename T>
void run_forward(const Rows& rows, const at::Tensor& sums, const Int* tokens,
                 const at::Tensor& inputs, const at::Tensor& w_inputs,
                 const at::Tensor& bias, const at::Tensor& values, const at::Tensor& hidden,
                 const at::Tensor& cells, const at::Tensor& w) {
  constexpr int P = Cell::P;
  constexpr Int V = WIDTH<T>;
  const Int H = w.size(1), vectors = (H + V - 1) / V, threads = crew(rows, w);
  const Int D = inputs.size(1), S = values.stride(0), S_x = sums.stride(0);
  const bool panels = rows.count >= 8;  // else to make them takes longer than they save
  const at::Tensor kept = room<T>(panels ? vectors * (D + H) * P * V : 0);
  const at::Tensor zeros = room<T>(H).zero_();
  const T *x = sums.data_ptr<T>(), *b = bias.data_ptr<T>(), *weights = w.data_ptr<T>();
  const T *in = inputs.data_ptr<T>(), *w_in = w_inputs.data_ptr<T>();
  T *v = values.data_ptr<T>(), *h = hidden.data_ptr<T>(), *panel = kept.data_ptr<T>();
  T* c = P == 4 ? cells.data_ptr<T>() : h;  // what the old state is read from
  const T* nothing = zeros.data_ptr<T>();
#pragma omp parallel num_threads(threads)
  {
    const Share packing(vectors, rows.batch, true);
    for (Int j = packing.unit; panels && j < packing.units; ++j) {
      T* own = panel + j * (D + H) * P * V;
      make_panel<P>(w_in, own, j * V, D, H);
      make_panel<P>(weights, own + D * P * V, j * V, H, H);
    }
#pragma omp barrier
    const Share share(vectors, rows.batch, by_units(rows, w, threads));
    for (Int k = 0; k < rows.steps; ++k, share.barrier()) {
      const Int t = rows.step(k), end = std::min(share.rows, rows.size[t]);
      for (Int j = share.unit; j < share.units; ++j) {
        const Int u = j * V, n = std::min(V, H - u);
        const T* own_panel = panel + j * (D + H) * P * V;
        in_tiles<24 / P>(share.row, end, [&](Int row, auto size) {
          constexpr int M = size;
          const T *own[M], *a[M], *vector[M];
          Vec<T> s[M][P], s_x[M][P];
          T products[M][P * V];
          for (int m = 0; m < M; ++m) {
            const Int at = rows.begin[t] + row + m, old = rows.before(t, row + m) * H;
            own[m] = x + (tokens ? tokens[at] : at) * S_x + u;
            a[m] = rows.anew(at) ? nothing : h + old, vector[m] = in + at * D;
            for (int p = 0; p < 4; ++p) fetch(own[m] + p * H), fetch(v + at * S + u + p * H);
            fetch(c + old + u);
            std::fill(s[m], s[m] + P, Vec<T>(0));
            for (int p = 0; D && p < P; ++p) s_x[m][p] = load(own[m] + p * H, n);
          }
          if (D && panels) product(s_x, vector, own_panel, D);
          else if (D) dots(s_x, vector, w_in + u * D, D, H, n);
          if (panels) product(s, a, own_panel + D * P * V, H);
          else dots(s, a, weights + u * H, H, H, n);
          for (int m = 0; m < M; ++m) {
            const Int at = rows.begin[t] + row + m, now = rows.state(t, row + m) * H + u;
            const T* old = rows.anew(at) ? nothing : c + rows.before(t, row + m) * H + u;
            for (int p = 0; D && p < P; ++p) s_x[m][p].store(products[m] + p * V);
            Cell::forward(s[m], D ? products[m] : own[m], D ? V : H, b + u, v + at * S + u,
                          old, c + now, h + now, H, n);
          }
        });
      }
    }
  }
}

// d_last: (N, H), of the last h   carry: (N, H), of the last c, then of the first
// d_first: (N, H), of the first h
template <class Cell, typename T>
void run_backward(const Rows& rows, const at::Tensor& d_outputs, const at::Tensor& d_last,
                  const at::Tensor& carry, const at::Tensor& d_first,
                  const at::Tensor& values, const at::Tensor& hidden,
                  const at::Tensor& cells, const at::Tensor& w) {
  constexpr int P = Cell::P, Q = 2;
  constexpr Int V = WIDTH<T>;
  const Int H = w.size(1), K = P * H, vectors = (H + Q * V - 1) / (Q * V);
  const Int S = values.stride(0), threads = crew(rows, w);
  const at::Tensor kept = room<T>(vectors * K * Q * V), zeros = room<T>(K).zero_();
  const T *d_y = d_outputs.data_ptr<T>(), *d_end = d_last.data_ptr<T>();
  const T* weights = w.data_ptr<T>();
  const T* c = P == 4 ? cells.data_ptr<T>() : hidden.data_ptr<T>();
  T *v = values.data_ptr<T>(), *panel = kept.data_ptr<T>(), *nothing = zeros.data_ptr<T>();
  T *carried = carry.data_ptr<T>(), *d_begin = d_first.data_ptr<T>();
#pragma omp parallel num_threads(threads)
  {
    const Share packing(vectors, rows.batch, true);
    for (Int j = packing.unit; j < packing.units; ++j)
      make_panel_back<Q>(weights, panel + j * K * Q * V, j * Q * V, K, H, H);
#pragma omp barrier
    const Share share(vectors, rows.batch, by_units(rows, w, threads));
    for (Int k = rows.steps - 1; k >= -1; --k, share.barrier()) {
      const bool first = k < 0;  // beyond the steps: into the first states
      const Int t = first ? 0 : rows.step(k);
      const Int end = first ? share.rows : std::min(share.rows, rows.size[t]);
      for (Int j = share.unit; j < share.units; ++j) {
        in_tiles<24 / Q>(share.row, end, [&](Int row, auto size) {
          constexpr int M = size;
          const T* a[M];
          Vec<T> s[M][Q];
          for (int m = 0; m < M; ++m) {
            const Int r = row + m, next = first ? rows.first(r) : rows.after(t, r);
            const bool ends = next < 0 || rows.anew(next);  // nobody goes on from here
            a[m] = ends ? nothing : v + next * S + Cell::SKIP * H;
            for (int q = 0; q < Q; ++q) {
              const Int u = (j * Q + q) * V, n = std::min(V, H - u);
              s[m][q] = Vec<T>(0);
              if (n <= 0 || first) continue;
              const Int at = (rows.begin[t] + r) * S + u, old = rows.before(t, r) * H + u;
              s[m][q] = load(d_y + (rows.begin[t] + r) * H + u, n);
              if (next < 0) s[m][q] = s[m][q] + load(d_end + r * H + u, n);
              for (int p = 0; p < 4; ++p) fetch(v + at + p * H);
              fetch(c + old), fetch(c + rows.state(t, r) * H + u);
            }
          }
          product(s, a, panel + j * K * Q * V, K);
          for (int m = 0; m < M; ++m)
            for (int q = 0; q < Q; ++q) {
              const Int r = row + m, u = (j * Q + q) * V, n = std::min(V, H - u);
              if (n <= 0) continue;
              const Int next = first ? rows.first(r) : rows.after(t, r);
              T* back = carried + r * H + u;
              if (next >= 0 && rows.anew(next)) std::fill_n(back, n, T(0));
              if (first) {
                Cell::into_first(s[m][q], back, n).store(d_begin + r * H + u, n);
                continue;
              }
              const Int at = rows.begin[t] + r, now = rows.state(t, r) * H + u;
              const T* old = rows.anew(at) ? nothing : c + rows.before(t, r) * H + u;
              Cell::backward(s[m][q], back, v + at * S + u, old, c + now, H, n);
            }
        });
      }
    }
  }
}

template <class Cell>
void forward(const at::Tensor& sums, const std::optional<at::Tensor>& tokens,
             const std::optional<at::Tensor>& inputs,
             const std::optional<at::Tensor>& w_inputs, const at::Tensor& bias, const at::Tensor& values, const at::Tensor& hidden,
             const at::Tensor& cells, const at::Tensor& w, at::IntArrayRef sizes,
             bool reverse, const std::optional<at::Tensor>& reset) {
  const Rows rows(sizes, reverse, reset);
  const Int* indices = tokens ? tokens->data_ptr<Int>() : nullptr;
  AT_DISPATCH_FLOATING_TYPES(w.scalar_type(), "forward", [&] {
    const at::Tensor none = at::empty({0, 0}, w.options());
    run_forward<Cell, scalar_t>(rows, sums, indices, inputs.value_or(none),
                                w_inputs.value_or(none), bias, values, hidden, cells, w);
  });
}

template <class Cell>
void backward(const at::Tensor& d_outputs, const at::Tensor& d_last,
              const at::Tensor& carry, const at::Tensor& d_first, const at::Tensor& values,
              const at::Tensor& hidden, const at::Tensor& cells, const at::Tensor& w,
              at::IntArrayRef sizes, bool reverse, const std::optional<at::Tensor>& reset) {
  const Rows rows(sizes, reverse, reset);
  AT_DISPATCH_FLOATING_TYPES(w.scalar_type(), "backward", [&] {
    run_backward<Cell, scalar_t>(rows, d_outputs, d_last, carry, d_first, values, hidden,
                                 cells, w);
  });
}

// Some columns of run_transposed's result, from u on, and all of a thread's rows.
template <int Q, typename T>
void run_columns(const Share& share, const T* d, Int S, const T* x, Int S_x, T* sum, Int R,
                 Int K, Int u, T* panel, bool begins) {
  constexpr Int V = WIDTH<T>;
  make_panel_back<Q>(x, panel, u, R, K, S_x);
  in_tiles<24 / Q>(share.unit, share.units, [&](Int row, auto size) {
    constexpr int M = size;
    const T* a[M];
    Vec<T> s[M][Q];
    const auto at = [&](int m, int q) { return sum + (row + m) * K + u + q * V; };
    const auto n = [&](int q) { return std::min(V, K - u - q * V); };
    for (int m = 0; m < M; ++m) {
      a[m] = d + row + m;
      for (int q = 0; q < Q; ++q)
        s[m][q] = begins || n(q) <= 0 ? Vec<T>(0) : load(at(m, q), n(q));
    }
    product(s, a, panel, R, S);
    for (int m = 0; m < M; ++m)
      for (int q = 0; q < Q; ++q)
        if (n(q) > 0) s[m][q].store(at(m, q), n(q));
  });
}

// found (J, K): the slopes (R, J), transposed, times the inputs (R, K). A thread takes some
// rows of it; R goes in blocks, so that a panel of inputs stays in the smallest cache.
template <typename T>
void run_transposed(const at::Tensor& slopes, const at::Tensor& inputs,
                    const at::Tensor& found) {
  constexpr Int V = WIDTH<T>, BLOCK = 128;
  const Int R = slopes.size(0), J = slopes.size(1), K = inputs.size(1);
  const Int S = slopes.stride(0), S_x = inputs.stride(0);
  const T *d = slopes.data_ptr<T>(), *x = inputs.data_ptr<T>();
  T* sum = found.data_ptr<T>();
#pragma omp parallel
  {
    const Share share(J, J, true);
    T panel[BLOCK * 4 * V];
    for (Int begin = 0; begin < R; begin += BLOCK) {
      const Int block = std::min(BLOCK, R - begin);
      const auto columns = [&](auto q, Int u) {
        run_columns<q>(share, d + begin * S, S, x + begin * S_x, S_x, sum, block, K, u, panel,
                       begin == 0);
      };
      Int u = 0;
      for (; u + 2 * V < K; u += 4 * V) columns(std::integral_constant<int, 4>(), u);
      if (u < K) columns(std::integral_constant<int, 2>(), u);
    }
  }
}

at::Tensor transposed(const at::Tensor& slopes, const at::Tensor& inputs) {
  const at::Tensor found = at::empty({slopes.size(1), inputs.size(1)}, inputs.options());
  AT_DISPATCH_FLOATING_TYPES(slopes.scalar_type(), "transposed", [&] {
    run_transposed<scalar_t>(slopes, inputs, found);
  });
  return found;
}

// One step of one sequence in one layer.
template <class Cell, typename T>
void run_step(const T* x, Int D, const T* h, const T* c, Int H, const T* const (&w)[4],
              T* h_new, T* c_new) {
  constexpr int P = Cell::P;
  constexpr Int V = WIDTH<T>, VECTORS = 16;  // for a thread, at least
  at::parallel_for(0, (H + V - 1) / V, H > 256 ? VECTORS : H, [&](Int from, Int to) {
    for (Int u = from * V; u < std::min(to * V, H); u += V) {
      const Int n = std::min(V, H - u);
      Vec<T> own[1][P], s[1][P];
      for (int p = 0; p < P; ++p) {
        own[0][p] = w[2] ? load(w[2] + p * H + u, n) : Vec<T>(0);
        s[0][p] = w[3] ? load(w[3] + p * H + u, n) : Vec<T>(0);
      }
      dots(own, {x}, w[0] + u * D, D, H, n);
      dots(s, {h}, w[1] + u * H, H, H, n);
      T sums[P * V], values[4 * V], nothing[V] = {};
      for (int p = 0; p < P; ++p) own[0][p].store(sums + (p + Cell::SKIP) % P * V);
      Cell::forward(s[0], sums, V, nothing, values, c + u, c_new + u, h_new + u, V, n);
    }
  });
}

bool plain(const at::Tensor& t, at::ScalarType type, at::IntArrayRef sizes) {
  const auto keys = t.key_set() - c10::autograd_dispatch_keyset_with_ADInplaceOrView -
                    c10::DispatchKeySet(c10::DispatchKey::AutocastCPU);
  return keys == c10::DispatchKeySet(c10::DispatchKey::CPU) && t.scalar_type() == type &&
         t.sizes() == sizes && t.is_contiguous();
}

// One step of one sequence through all layers, without gradients: the call of a program
// that answers letter by letter, where nothing but the step may take time.
// x (1, 1, D)   state: h, of an LSTM also c, (layers, 1, H)
// weights: w_ih, w_hh and, where there are biases, b_ih, b_hh, of each layer
// ->   output (1, 1, H), and the new state; nothing where anything is not as this says
template <class Cell>
std::vector<at::Tensor> step(const at::Tensor& x, at::TensorList state,
                             at::TensorList weights, bool bias) {
  constexpr int P = Cell::P;
  const Int states = P == 4 ? 2 : 1, each = bias ? 4 : 2, layers = weights.size() / each;
  const auto type = x.scalar_type();
  if (Int(state.size()) != states || layers < 1 || x.dim() != 3 ||
      (type != at::kFloat && type != at::kDouble))
    return {};
  const Int D = x.size(2), H = state[0].size(-1);
  bool right = plain(x, type, {1, 1, D}) && Int(weights.size()) == layers * each;
  for (const at::Tensor& t : state) right = right && plain(t, type, {layers, 1, H});
  for (Int l = 0; right && l < layers; ++l) {
    const at::TensorList w = weights.slice(l * each, each);
    right = plain(w[0], type, {P * H, l ? H : D}) && plain(w[1], type, {P * H, H}) &&
            (!bias || (plain(w[2], type, {P * H}) && plain(w[3], type, {P * H})));
  }
  if (!right) return {};
  std::vector<at::Tensor> found{at::empty({1, 1, H}, x.options())};
  for (const at::Tensor& t : state) found.push_back(at::empty(t.sizes(), t.options()));
  AT_DISPATCH_FLOATING_TYPES(type, "step", [&] {
    const scalar_t* input = x.data_ptr<scalar_t>();
    scalar_t *h = found[1].data_ptr<scalar_t>(), *c = found.back().data_ptr<scalar_t>();
    for (Int l = 0; l < layers; ++l, h += H, c += H) {
      const scalar_t* w[4] = {};
      for (Int k = 0; k < each; ++k) w[k] = weights[l * each + k].data_ptr<scalar_t>();
      const scalar_t* old = state[0].data_ptr<scalar_t>() + l * H;
      const scalar_t* old_c = state.back().data_ptr<scalar_t>() + l * H;
      run_step<Cell>(input, l ? H : D, old, old_c, H, w, h, c);
      input = h;
    }
    std::copy_n(input, H, found[0].data_ptr<scalar_t>());
  });
  return found;
}

// slopes of the table's rows: table[tokens[r]] += slopes[r], columns parted by threads
void add_rows(const at::Tensor& table, const at::Tensor& tokens, const at::Tensor& slopes) {
  const Int columns = table.size(1), S = slopes.stride(0), S_t = table.stride(0);
  const Int* indices = tokens.data_ptr<Int>();
  AT_DISPATCH_FLOATING_TYPES(table.scalar_type(), "add_rows", [&] {
    scalar_t* sum = table.data_ptr<scalar_t>();
    const scalar_t* d = slopes.data_ptr<scalar_t>();
    at::parallel_for(0, columns, 256, [&](Int from, Int to) {
      for (Int r = 0; r < slopes.size(0); ++r)
        for (Int j = from; j < to; ++j) sum[indices[r] * S_t + j] += d[r * S + j];
    });
  });
}

}  // namespace

TORCH_LIBRARY(lstm_book, library) {
  const std::string forwards =
      "_forward(Tensor sums, Tensor? tokens, Tensor? inputs, Tensor? w_inputs, "
      "Tensor bias, Tensor(a!) values, Tensor(b!) hidden, Tensor(c!) cells, Tensor w, int[] sizes, bool reverse, "
      "Tensor? reset) -> ()";
  const std::string backwards =
      "_backward(Tensor d_outputs, Tensor d_last, Tensor(a!) carry, Tensor(b!) d_first, "
      "Tensor(c!) values, Tensor hidden, Tensor cells, Tensor w, int[] sizes, "
      "bool reverse, Tensor? reset) -> ()";
  for (const std::string cell : {"lstm", "gru"}) {
    library.def((cell + forwards).c_str());
    library.def((cell + backwards).c_str());
  }
  for (const std::string cell : {"lstm", "gru"})
    library.def((cell + "_step(Tensor x, Tensor[] state, Tensor[] weights, bool bias) "
                 "-> Tensor[]").c_str());
  library.def("transposed(Tensor slopes, Tensor inputs) -> Tensor");
  library.def("add_rows(Tensor(a!) table, Tensor tokens, Tensor slopes) -> ()");
}
TORCH_LIBRARY_IMPL(lstm_book, CompositeExplicitAutograd, library) {
  library.impl("lstm_step", step<LSTM>);
  library.impl("gru_step", step<GRU>);
}
TORCH_LIBRARY_IMPL(lstm_book, CPU, library) {
  library.impl("lstm_forward", forward<LSTM>);
  library.impl("gru_forward", forward<GRU>);
  library.impl("lstm_backward", backward<LSTM>);
  library.impl("gru_backward", backward<GRU>);
  library.impl("transposed", transposed);
  library.impl("add_rows", add_rows);
}
