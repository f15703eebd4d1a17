/// @file hpm.hpp
/// C++17 over hpm.h: classes that own a handle, exceptions instead of statuses, vectors and string
/// views instead of pointers with lengths. Header-only; link with libhpm.
///
///     hpm::space space;
///     space.add_real("learning_rate", 1e-4, 1, hpm::scale::log, 0.1);
///     hpm::population population(space, hpm::options().set("population", 8).set("steps", 100));
///     population.run({train, nullptr, clone, nullptr});
///     std::vector<double> best = population.best_hyperparameters().hyperparameters;
///
/// Names, units, errors and thread safety are those of the C functions of the same name in hpm.h;
/// here stands what differs. Every function may throw hpm::error; after that all objects are what
/// they were before. Objects are moved, not copied; one that was moved from throws
/// hpm::handle_error when it is used.
#ifndef HPM_HPP
#define HPM_HPP

#include "hpm.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpm {

/// A failed call: what() is the sentence of hpm_last_error, status() the number.
class error : public std::runtime_error {
public:
    error(hpm_status status, const std::string &sentence)
        : std::runtime_error(sentence), status_(status) {}

    hpm_status status() const noexcept { return status_; }

private:
    hpm_status status_;
};

/// An error of one status, so that it can be caught by type.
template <hpm_status Status>
class error_of : public error {
public:
    explicit error_of(const std::string &sentence) : error(Status, sentence) {}
};

using argument_error = error_of<HPM_ERROR_ARGUMENT>;
using handle_error = error_of<HPM_ERROR_HANDLE>;
using memory_error = error_of<HPM_ERROR_MEMORY>;
using order_error = error_of<HPM_ERROR_ORDER>;
using busy_error = error_of<HPM_ERROR_BUSY>;
using no_result_error = error_of<HPM_ERROR_NO_RESULT>;
using snapshot_error = error_of<HPM_ERROR_SNAPSHOT>;
using capacity_error = error_of<HPM_ERROR_CAPACITY>;
using unsupported_error = error_of<HPM_ERROR_UNSUPPORTED>;
using storage_error = error_of<HPM_ERROR_STORAGE>;
/// What hpm::strict makes of a warning.
using warning_error = error_of<HPM_WARNING>;

/// Throws the exception of a status; successes come back.
inline hpm_status check(hpm_status status) {
    if (status >= 0) return status;
    const std::string sentence = hpm_last_error();
    switch (status) {
    case HPM_ERROR_ARGUMENT: throw argument_error(sentence);
    case HPM_ERROR_HANDLE: throw handle_error(sentence);
    case HPM_ERROR_MEMORY: throw memory_error(sentence);
    case HPM_ERROR_ORDER: throw order_error(sentence);
    case HPM_ERROR_BUSY: throw busy_error(sentence);
    case HPM_ERROR_NO_RESULT: throw no_result_error(sentence);
    case HPM_ERROR_SNAPSHOT: throw snapshot_error(sentence);
    case HPM_ERROR_CAPACITY: throw capacity_error(sentence);
    case HPM_ERROR_UNSUPPORTED: throw unsupported_error(sentence);
    case HPM_ERROR_STORAGE: throw storage_error(sentence);
    default: throw error(status, sentence);
    }
}

enum class scale : hpm_scale {
    linear = HPM_SCALE_LINEAR,
    log = HPM_SCALE_LOG,
    logit = HPM_SCALE_LOGIT
};

enum class update : hpm_update {
    automatic = HPM_UPDATE_AUTO,
    mutate = HPM_UPDATE_MUTATE,
    hypergradient = HPM_UPDATE_HYPERGRADIENT,
    both = HPM_UPDATE_BOTH,
    fixed = HPM_UPDATE_FIXED
};

enum class role : hpm_role {
    other = HPM_ROLE_OTHER,
    learning_rate = HPM_ROLE_LEARNING_RATE
};

enum class kind : hpm_kind {
    real = HPM_KIND_REAL,
    integer = HPM_KIND_INTEGER,
    choice = HPM_KIND_CHOICE,
    block = HPM_KIND_BLOCK
};

enum class action : hpm_action {
    train = HPM_ACTION_TRAIN,
    clone = HPM_ACTION_CLONE,
    evaluate = HPM_ACTION_EVALUATE,
    restart = HPM_ACTION_RESTART,
    wait = HPM_ACTION_WAIT,
    stop = HPM_ACTION_STOP
};

/// Where students that join a population come from.
enum class origin : hpm_origin {
    drawn = HPM_ORIGIN_DRAWN,
    clone = HPM_ORIGIN_CLONE
};

/// Which failures of the host a report survives that was answered.
enum class durability : hpm_durability {
    none = HPM_DURABILITY_NONE,
    process = HPM_DURABILITY_PROCESS,
    power = HPM_DURABILITY_POWER
};

/// What of a run may be other than its file has it; kinds are joined by `|`.
enum class override_kind : hpm_override {
    none = HPM_OVERRIDE_NONE,
    steps = HPM_OVERRIDE_STEPS,
    population = HPM_OVERRIDE_POPULATION,
    bounds = HPM_OVERRIDE_BOUNDS
};

constexpr override_kind operator|(override_kind left, override_kind right) noexcept {
    return static_cast<override_kind>(static_cast<hpm_override>(left) |
                                      static_cast<hpm_override>(right));
}

/// What happened in a population; kinds are joined by `|`.
enum class event_kind : hpm_event_kind {
    trained = HPM_EVENT_TRAINED,
    moved = HPM_EVENT_MOVED,
    cloned = HPM_EVENT_CLONED,
    mutated = HPM_EVENT_MUTATED,
    evaluated = HPM_EVENT_EVALUATED,
    taught = HPM_EVENT_TAUGHT,
    restarted = HPM_EVENT_RESTARTED,
    stopped = HPM_EVENT_STOPPED,
    all = HPM_EVENT_ALL
};

constexpr event_kind operator|(event_kind left, event_kind right) noexcept {
    return static_cast<event_kind>(static_cast<hpm_event_kind>(left) |
                                   static_cast<hpm_event_kind>(right));
}

/// Handed to the constructor of a population: what it would warn of is thrown as warning_error.
struct strict_t {
    explicit strict_t() = default;
};
inline constexpr strict_t strict{};

/// As an initial value: drawn, as for all students but the first. In a hypergradient: no
/// derivative.
inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The version of the library that is running.
inline std::string version() { return hpm_version(); }

namespace detail {

/// All names that `name(index)` gives, until it is NULL.
template <class Name>
std::vector<std::string> names(Name name) {
    std::vector<std::string> found;
    while (const char *next = name(found.size())) found.emplace_back(next);
    return found;
}

} // namespace detail

/// What the option `algorithm` takes.
inline std::vector<std::string> algorithm_names() { return detail::names(hpm_algorithm_name); }

/// The keys of all options.
inline std::vector<std::string> option_names() { return detail::names(hpm_option_name); }

namespace detail {

struct destroyer {
    // A destructor can't report: a population that is being run elsewhere outlives its owner.
    void operator()(hpm_space *handle) const noexcept { hpm_space_destroy(handle); }
    void operator()(hpm_options *handle) const noexcept { hpm_options_destroy(handle); }
    void operator()(hpm_population *handle) const noexcept { hpm_population_destroy(handle); }
    void operator()(hpm_teacher *handle) const noexcept { hpm_teacher_destroy(handle); }
    void operator()(hpm_vectors *handle) const noexcept { hpm_vectors_destroy(handle); }
    void operator()(hpm_problem *handle) const noexcept { hpm_problem_destroy(handle); }
    void operator()(hpm_schedule *handle) const noexcept { hpm_schedule_destroy(handle); }
};

/// Sole ownership of a handle.
template <class Handle>
class owner {
public:
    /// The handle, for the C functions; it stays owned here.
    Handle *get() const noexcept { return handle_.get(); }

    /// Gives the handle up: the caller destroys it.
    Handle *release() noexcept { return handle_.release(); }

protected:
    explicit owner(Handle *handle) noexcept : handle_(handle) {}

private:
    std::unique_ptr<Handle, destroyer> handle_;
};

/// The handle that `create(arguments..., &handle)` makes.
template <class Handle, class Create, class... Arguments>
Handle *made(Create create, Arguments... arguments) {
    Handle *handle = nullptr;
    check(create(arguments..., &handle));
    return handle;
}

/// Options that were moved from: NULL would silently mean the defaults.
inline hpm_options *given(const owner<hpm_options> &options) {
    if (!options.get()) throw handle_error("options was moved from; allowed: living options");
    return options.get();
}

/// A C string. C would cut a NUL inside silently.
inline std::string text(std::string_view view, const char *argument) {
    if (view.find('\0') != std::string_view::npos) {
        throw argument_error(std::string(argument) + " holds a NUL; allowed: text without");
    }
    return std::string(view);
}

/// The text that `read(buffer, capacity, &needed)` copies.
template <class Read>
std::string text_from(Read read) {
    std::size_t needed = 0;
    check(read(nullptr, 0, &needed));
    std::string text(needed, '\0');
    check(read(text.data(), text.size(), &needed));
    text.resize(needed - 1);
    return text;
}

/// The exception that a problem's callable threw in this thread, on its way across the C frames.
inline std::exception_ptr &thrown() noexcept {
    static thread_local std::exception_ptr exception;
    return exception;
}

/// The body of a C callback: 0, or 1 where it threw.
template <class Body>
std::int32_t guarded(Body body) noexcept {
    try {
        body();
        return 0;
    } catch (...) {
        thrown() = std::current_exception();
        return 1;
    }
}

/// check(), where a callable's exception comes back as itself, an observer's too.
inline hpm_status check_thrown(hpm_status status) {
    if ((status == HPM_ERROR_CALLBACK || status == HPM_OBSERVER) && thrown()) {
        std::rethrow_exception(std::exchange(thrown(), nullptr));
    }
    return check(status);
}

/// What NULL with 0 stands for in C, an empty vector stands for here.
inline const double *data(const std::vector<double> &values) noexcept {
    return values.empty() ? nullptr : values.data();
}

} // namespace detail

/// Where a parameter or block lies in the arrays of hyperparameters.
struct range {
    std::size_t offset;
    std::size_t count;
};

/// What a parameter or block was added with.
struct description {
    hpm::kind kind;
    double low;
    double high;
    hpm::scale scale;
    double initial;
    hpm::update update;
};

/// A search space. The functions that add return the space, so that they can be chained.
class space : public detail::owner<hpm_space> {
public:
    space() : owner(detail::made<hpm_space>(hpm_space_create)) {}

    /// Takes a handle over.
    explicit space(hpm_space *handle) noexcept : owner(handle) {}

    space &add_real(std::string_view name, double low, double high,
                    hpm::scale scale = scale::linear, double initial = none) {
        check(hpm_space_add_real(get(), detail::text(name, "name").c_str(), low, high,
                                 static_cast<hpm_scale>(scale), initial));
        return *this;
    }

    space &add_integer(std::string_view name, double low, double high,
                       hpm::scale scale = scale::linear, double initial = none) {
        check(hpm_space_add_integer(get(), detail::text(name, "name").c_str(), low, high,
                                    static_cast<hpm_scale>(scale), initial));
        return *this;
    }

    /// `initial` is the index of a label; -1: drawn.
    space &add_choice(std::string_view name, const std::vector<std::string> &labels,
                      std::int64_t initial = -1) {
        std::vector<const char *> pointers;
        for (const std::string &label : labels) {
            detail::text(label, "labels");
            pointers.push_back(label.c_str());
        }
        // An empty vector's pointer may be NULL, and the count is what is wrong then.
        pointers.push_back(nullptr);
        check(hpm_space_add_choice(get(), detail::text(name, "name").c_str(), pointers.data(),
                                   labels.size(), initial));
        return *this;
    }

    space &add_block(std::string_view name, std::size_t count, double low, double high,
                     hpm::scale scale = scale::linear, double initial = none) {
        check(hpm_space_add_block(get(), detail::text(name, "name").c_str(), count, low, high,
                                  static_cast<hpm_scale>(scale), initial));
        return *this;
    }

    space &set_update(std::string_view name, hpm::update update) {
        check(hpm_space_set_update(get(), detail::text(name, "name").c_str(),
                                   static_cast<hpm_update>(update)));
        return *this;
    }

    space &set_role(std::string_view name, hpm::role role) {
        check(hpm_space_set_role(get(), detail::text(name, "name").c_str(),
                                 static_cast<hpm_role>(role)));
        return *this;
    }

    hpm::role role(std::string_view name) const {
        hpm_role role = HPM_ROLE_OTHER;
        check(hpm_space_role(get(), detail::text(name, "name").c_str(), &role));
        return static_cast<hpm::role>(role);
    }

    std::size_t dimension() const {
        std::size_t dimension = 0;
        check(hpm_space_dimension(get(), &dimension));
        return dimension;
    }

    range offset(std::string_view name) const {
        range place = {};
        check(hpm_space_offset(get(), detail::text(name, "name").c_str(), &place.offset,
                               &place.count));
        return place;
    }

    description describe(std::string_view name) const {
        hpm_kind kind = 0;
        hpm_scale scale = 0;
        hpm_update update = 0;
        description found = {};
        check(hpm_space_describe(get(), detail::text(name, "name").c_str(), &kind, &found.low,
                                 &found.high, &scale, &found.initial, &update));
        found.kind = static_cast<hpm::kind>(kind);
        found.scale = static_cast<hpm::scale>(scale);
        found.update = static_cast<hpm::update>(update);
        return found;
    }

    /// The number of names, a block counted once.
    std::size_t count() const {
        std::size_t count = 0;
        check(hpm_space_count(get(), &count));
        return count;
    }

    std::string name(std::size_t index) const {
        return detail::text_from([&](char *out, std::size_t capacity, std::size_t *needed) {
            return hpm_space_name(get(), index, out, capacity, needed);
        });
    }

    std::string label(std::string_view name, std::size_t index) const {
        const std::string choice = detail::text(name, "name");
        return detail::text_from([&](char *out, std::size_t capacity, std::size_t *needed) {
            return hpm_space_label(get(), choice.c_str(), index, out, capacity, needed);
        });
    }
};

/// The options of a population or a teacher: the table of keys stands at `hpm_options` in hpm.h.
class options : public detail::owner<hpm_options> {
public:
    options() : owner(detail::made<hpm_options>(hpm_options_create)) {}

    /// Takes a handle over.
    explicit options(hpm_options *handle) noexcept : owner(handle) {}

    /// Sets an option to a whole number, a real number or a text, by the type of `value`.
    template <class Value>
    options &set(std::string_view key, const Value &value) & {
        static_assert(!std::is_same_v<Value, bool>, "no option takes a truth value");
        const std::string name = detail::text(key, "key");
        if constexpr (std::is_integral_v<Value>) {
            if constexpr (std::is_unsigned_v<Value> && sizeof(Value) >= sizeof(std::int64_t)) {
                if (value > static_cast<Value>(std::numeric_limits<std::int64_t>::max())) {
                    throw argument_error("value of '" + name + "' is " + std::to_string(value) +
                                         "; allowed: at most 2^63 - 1");
                }
            }
            check(hpm_options_set_integer(get(), name.c_str(), static_cast<std::int64_t>(value)));
        } else if constexpr (std::is_floating_point_v<Value>) {
            check(hpm_options_set_real(get(), name.c_str(), static_cast<double>(value)));
        } else {
            check(hpm_options_set_string(get(), name.c_str(),
                                         detail::text(value, "value").c_str()));
        }
        return *this;
    }

    template <class Value>
    options &&set(std::string_view key, const Value &value) && {
        return std::move(set(key, value));
    }
};

/// What a student is to do.
struct assignment {
    hpm::action action;
    /// The student to copy with action::clone, else the student itself.
    std::size_t source;
};

/// An assignment with the hyperparameters that belong to it.
struct task : assignment {
    std::vector<double> hyperparameters;
};

/// A task with its number; 0 with action::wait and action::stop.
struct ticketed_task : task {
    std::uint64_t ticket;
};

/// What all students are to do; row k of `hyperparameters` is student k.
struct tasks {
    std::vector<hpm::action> actions;
    std::vector<std::size_t> sources;
    std::vector<double> hyperparameters;
};

/// A living student and its loss.
struct best_student {
    std::size_t student;
    double loss;
};

/// A student and how much of its weights goes into a mean.
struct blended_student {
    std::size_t student;
    double share;
};

/// The validation loss of the model whose weights are the sum of share x weights of the students.
using judge = std::function<double(const std::vector<blended_student> &blend)>;

/// Hyperparameters and the loss that was reported with them.
struct best_point {
    std::vector<double> hyperparameters;
    double loss;
};

/// What training came to. A plain number is a loss without a hypergradient.
struct result {
    double loss;
    /// One component for each hyperparameter, hpm::none where there is no derivative; empty: no
    /// hypergradient.
    std::vector<double> hypergradient;

    result(double validation_loss, std::vector<double> derivative = {})
        : loss(validation_loss), hypergradient(std::move(derivative)) {}
};

/// The callables of population::run; what the algorithm never asks for may be empty. They may
/// throw: the run ends and throws that exception.
struct trainer {
    std::function<result(std::size_t student, const std::vector<double> &hyperparameters)> train = {};
    std::function<result(std::size_t student, const std::vector<double> &hyperparameters)> evaluate = {};
    std::function<void(std::size_t source, std::size_t student)> clone = {};
    std::function<void(std::size_t student)> restart = {};
};

/// How an estimate ended.
enum class certificate_status : hpm_certificate_status {
    converged = HPM_CERTIFICATE_CONVERGED,
    iteration_limit = HPM_CERTIFICATE_ITERATION_LIMIT,
    indefinite = HPM_CERTIFICATE_INDEFINITE,
    singular = HPM_CERTIFICATE_SINGULAR,
    nonfinite = HPM_CERTIFICATE_NONFINITE,
    diverged = HPM_CERTIFICATE_DIVERGED
};

/// What an estimator says of its own result: the members of hpm_certificate.
struct certificate {
    certificate_status status;
    std::uint64_t iterations;
    double relative_residual;
    double smallest_curvature;
    double seconds;
    std::uint64_t losses;
    std::uint64_t outer_gradients;
    std::uint64_t inner_gradients;
    std::uint64_t inner_hyper_gradients;
    std::uint64_t hessian_products;
    std::uint64_t cross_products;
    std::uint64_t steps;
    std::uint64_t step_products;
    std::uint64_t parameter_vectors;
    std::uint64_t hyperparameter_vectors;

    /// Whether there is an estimate; else every component of the result is NaN.
    bool is_usable() const noexcept {
        return status == certificate_status::converged ||
               status == certificate_status::iteration_limit;
    }
};

namespace detail {

inline certificate certificate_from(const hpm_certificate &c) noexcept {
    return {static_cast<certificate_status>(c.status), c.iterations, c.relative_residual,
            c.smallest_curvature, c.seconds, c.losses, c.outer_gradients, c.inner_gradients,
            c.inner_hyper_gradients, c.hessian_products, c.cross_products, c.steps,
            c.step_products, c.parameter_vectors, c.hyperparameter_vectors};
}

} // namespace detail

/// What a check says of a callback.
enum class finding_verdict : hpm_finding_verdict {
    right = HPM_FINDING_RIGHT,
    wrong = HPM_FINDING_WRONG,
    disagrees = HPM_FINDING_DISAGREES,
    not_checked = HPM_FINDING_NOT_CHECKED
};

/// What a verdict rests on.
enum class finding_reason : hpm_finding_reason {
    comparison = HPM_REASON_COMPARISON,
    repetition = HPM_REASON_REPETITION,
    not_finite = HPM_REASON_NOT_FINITE,
    missing_reference = HPM_REASON_MISSING_REFERENCE,
    wrong_reference = HPM_REASON_WRONG_REFERENCE,
    disputed_reference = HPM_REASON_DISPUTED_REFERENCE,
    reference_not_finite = HPM_REASON_REFERENCE_NOT_FINITE,
    too_large = HPM_REASON_TOO_LARGE,
    rounding = HPM_REASON_ROUNDING,
    kinks = HPM_REASON_KINKS,
    identity = HPM_REASON_IDENTITY
};

/// What one test of problem::check() found of one callback; see hpm_finding.
struct finding {
    finding_verdict verdict;
    finding_reason reason;
    std::string callback;
    /// Empty where the callback was judged by itself.
    std::string other;
    double error;
    double tolerance;
    std::string sentence;

    /// Whether something has to be mended.
    bool is_fault() const noexcept {
        return verdict == finding_verdict::wrong || verdict == finding_verdict::disagrees;
    }
};

/// What problem::check() found: a line for each test, and the same as data.
struct check_result {
    bool is_right;
    std::string lines;
    std::vector<finding> findings;
};

/// The number type of host vectors.
enum class element : hpm_element {
    float64 = HPM_ELEMENT_DOUBLE,
    float32 = HPM_ELEMENT_FLOAT
};

/// A space of vectors.
class vectors : public detail::owner<hpm_vectors> {
public:
    /// Host vectors: arrays of `count`.
    vectors(hpm::element element, std::size_t count)
        : owner(detail::made<hpm_vectors>(hpm_vectors_create_host,
                                          static_cast<hpm_element>(element), count)) {}

    /// Vectors of your own. `context` has to outlive the space and all problems made with it.
    vectors(const hpm_vector_operations &operations, void *context, std::size_t dimension)
        : owner(detail::made<hpm_vectors>(hpm_vectors_create, &operations, context, dimension)) {}

    /// Takes a handle over.
    explicit vectors(hpm_vectors *handle) noexcept : owner(handle) {}
};

/// A bilevel problem. This class works on vectors of any kind, by C callbacks; host_problem on
/// std::vector, by callables.
class problem : public detail::owner<hpm_problem> {
public:
    /// `context` has to outlive the problem and the populations that it was set for.
    problem(const vectors &parameters, const vectors &hyperparameters,
            const hpm_problem_callbacks &callbacks, void *context)
        : problem(parameters, hyperparameters, callbacks, context, nullptr) {}

    /// Takes a handle over.
    explicit problem(hpm_problem *handle) noexcept : owner(handle) {}

    /// An estimate that failed is no exception: certificate::is_usable() is false.
    certificate hypergradient(const void *w, const void *h, void *result) const {
        return solved(nullptr, w, h, result);
    }

    certificate hypergradient(const void *w, const void *h, void *result,
                              const hpm::options &options) const {
        return solved(detail::given(options), w, h, result);
    }

    check_result check(const void *w, const void *h) const { return checked(nullptr, w, h); }

    check_result check(const void *w, const void *h, const hpm::options &options) const {
        return checked(detail::given(options), w, h);
    }

protected:
    problem(const vectors &parameters, const vectors &hyperparameters,
            const hpm_problem_callbacks &callbacks, void *context,
            std::shared_ptr<const void> callables)
        : owner(detail::made<hpm_problem>(hpm_problem_create, parameters.get(),
                                          hyperparameters.get(), &callbacks, context)),
          callables_(std::move(callables)) {}

private:
    friend class population;

    certificate solved(hpm_options *options, const void *w, const void *h, void *result) const {
        // A callable may assign to this object.
        const std::shared_ptr<const void> living = callables_;
        hpm_certificate found = {};
        found.size = sizeof found;
        detail::check_thrown(hpm_problem_hypergradient(get(), options, w, h, result, &found));
        return detail::certificate_from(found);
    }

    check_result checked(hpm_options *options, const void *w, const void *h) const {
        const std::shared_ptr<const void> living = callables_;
        std::size_t needed = 0;
        const hpm_status status = detail::check_thrown(
            hpm_problem_check(get(), options, w, h, nullptr, 0, &needed));
        check_result result = {status != HPM_WRONG_DERIVATIVE, {}, {}};
        const std::size_t count = hpm_last_finding_count();
        for (std::size_t i = 0; i < count; ++i) {
            hpm_finding found = {};
            found.size = sizeof found;
            hpm::check(hpm_last_finding(i, &found));
            if (i > 0) result.lines += '\n';
            result.lines += found.sentence;
            result.findings.push_back({static_cast<finding_verdict>(found.verdict),
                                       static_cast<finding_reason>(found.reason), found.callback,
                                       found.other ? found.other : "", found.error,
                                       found.tolerance, found.sentence});
        }
        return result;
    }

    /// What the C callbacks' context points into: shared with the populations.
    std::shared_ptr<const void> callables_;
};

/// An array that belongs to someone else.
template <class Element>
class view {
public:
    view(Element *data, std::size_t size) noexcept : data_(data), size_(size) {}

    Element *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    Element *begin() const noexcept { return data_; }
    Element *end() const noexcept { return data_ + size_; }
    Element &operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    Element *data_;
    std::size_t size_;
};

/// The callables of a host_problem, as the callbacks of the same name in hpm_problem_callbacks; set
/// those that you have. They may throw: the call ends and throws that exception.
template <class Element>
struct host_callbacks {
    using in = view<const Element>;
    using out = view<Element>;

    std::function<double(in w, in h)> outer_loss;
    /// `dh` holds zeros: leave it where the outer loss does not depend on h directly.
    std::function<void(in w, in h, out dw, out dh)> outer_gradient;
    std::function<double(in w, in h)> inner_loss;
    std::function<void(in w, in h, out result)> inner_gradient;
    std::function<void(in w, in h, out result)> inner_hyper_gradient;
    std::function<void(in w, in h, in v, out result)> hessian_product;
    std::function<void(in w, in h, in v, out result)> cross_product;
    std::function<void(std::size_t index, in w, in h, out result)> step;
    std::function<void(std::size_t index, in w, in h, in dw, in dh, out result)> step_forward;
    std::function<void(std::size_t index, in w, in h, in v, out dw, out dh)> step_backward;
    std::function<double(in h)> response;
};

namespace detail {

/// The context of a host_problem's C callbacks, and those.
template <class Element>
struct host_context {
    host_callbacks<Element> callables;
    std::size_t parameters;
    std::size_t hyperparameters;

    view<const Element> w(const void *vector) const noexcept {
        return {static_cast<const Element *>(vector), parameters};
    }
    view<const Element> h(const void *vector) const noexcept {
        return {static_cast<const Element *>(vector), hyperparameters};
    }
    view<Element> w(void *vector) const noexcept {
        return {static_cast<Element *>(vector), parameters};
    }
    view<Element> h(void *vector) const noexcept {
        return {static_cast<Element *>(vector), hyperparameters};
    }

    static const host_context &of(void *context) noexcept {
        return *static_cast<const host_context *>(context);
    }

    static std::int32_t outer_loss(void *context, const void *w, const void *h, double *loss) {
        const host_context &self = of(context);
        return guarded([&] { *loss = self.callables.outer_loss(self.w(w), self.h(h)); });
    }

    static std::int32_t outer_gradient(void *context, const void *w, const void *h, void *dw,
                                       void *dh) {
        const host_context &self = of(context);
        return guarded([&] {
            self.callables.outer_gradient(self.w(w), self.h(h), self.w(dw), self.h(dh));
        });
    }

    static std::int32_t inner_loss(void *context, const void *w, const void *h, double *loss) {
        const host_context &self = of(context);
        return guarded([&] { *loss = self.callables.inner_loss(self.w(w), self.h(h)); });
    }

    static std::int32_t inner_gradient(void *context, const void *w, const void *h,
                                       void *result) {
        const host_context &self = of(context);
        return guarded(
            [&] { self.callables.inner_gradient(self.w(w), self.h(h), self.w(result)); });
    }

    static std::int32_t inner_hyper_gradient(void *context, const void *w, const void *h,
                                             void *result) {
        const host_context &self = of(context);
        return guarded(
            [&] { self.callables.inner_hyper_gradient(self.w(w), self.h(h), self.h(result)); });
    }

    static std::int32_t hessian_product(void *context, const void *w, const void *h, const void *v,
                                        void *result) {
        const host_context &self = of(context);
        return guarded([&] {
            self.callables.hessian_product(self.w(w), self.h(h), self.w(v), self.w(result));
        });
    }

    static std::int32_t cross_product(void *context, const void *w, const void *h, const void *v,
                                      void *result) {
        const host_context &self = of(context);
        return guarded([&] {
            self.callables.cross_product(self.w(w), self.h(h), self.w(v), self.h(result));
        });
    }

    static std::int32_t step(void *context, std::size_t index, const void *w, const void *h,
                             void *result) {
        const host_context &self = of(context);
        return guarded([&] { self.callables.step(index, self.w(w), self.h(h), self.w(result)); });
    }

    static std::int32_t step_forward(void *context, std::size_t index, const void *w,
                                     const void *h, const void *dw, const void *dh, void *result) {
        const host_context &self = of(context);
        return guarded([&] {
            self.callables.step_forward(index, self.w(w), self.h(h), self.w(dw), self.h(dh),
                                        self.w(result));
        });
    }

    static std::int32_t step_backward(void *context, std::size_t index, const void *w,
                                      const void *h, const void *v, void *dw, void *dh) {
        const host_context &self = of(context);
        return guarded([&] {
            self.callables.step_backward(index, self.w(w), self.h(h), self.w(v), self.w(dw),
                                         self.h(dh));
        });
    }

    static std::int32_t response(void *context, const void *h, double *loss) {
        const host_context &self = of(context);
        return guarded([&] { *loss = self.callables.response(self.h(h)); });
    }

    /// NULL where there is no callable.
    hpm_problem_callbacks callbacks() const noexcept {
        return {sizeof(hpm_problem_callbacks),
                callables.outer_loss ? &outer_loss : nullptr,
                callables.outer_gradient ? &outer_gradient : nullptr,
                callables.inner_loss ? &inner_loss : nullptr,
                callables.inner_gradient ? &inner_gradient : nullptr,
                callables.inner_hyper_gradient ? &inner_hyper_gradient : nullptr,
                callables.hessian_product ? &hessian_product : nullptr,
                callables.cross_product ? &cross_product : nullptr,
                callables.step ? &step : nullptr,
                callables.step_forward ? &step_forward : nullptr,
                callables.step_backward ? &step_backward : nullptr,
                callables.response ? &response : nullptr};
    }
};

} // namespace detail

/// A bilevel problem on std::vector<double> or std::vector<float>, described by callables.
///
///     hpm::host_problem<double> problem(parameters, hyperparameters, callables);
///     hpm::certificate certificate = problem.hypergradient(w, h, result);
template <class Element>
class host_problem : public problem {
    static_assert(std::is_same_v<Element, double> || std::is_same_v<Element, float>,
                  "host vectors are of double or float");

public:
    host_problem(std::size_t parameters, std::size_t hyperparameters,
                 host_callbacks<Element> callables)
        : host_problem(std::make_shared<detail::host_context<Element>>(
              detail::host_context<Element>{std::move(callables), parameters, hyperparameters})) {}

    std::size_t parameters() const noexcept { return parameters_; }
    std::size_t hyperparameters() const noexcept { return hyperparameters_; }

    /// `result` gets the size that it needs.
    certificate hypergradient(const std::vector<Element> &w, const std::vector<Element> &h,
                              std::vector<Element> &result) const {
        require(w, h);
        result.resize(hyperparameters_);
        return problem::hypergradient(w.data(), h.data(), result.data());
    }

    certificate hypergradient(const std::vector<Element> &w, const std::vector<Element> &h,
                              std::vector<Element> &result, const hpm::options &options) const {
        require(w, h);
        result.resize(hyperparameters_);
        return problem::hypergradient(w.data(), h.data(), result.data(), options);
    }

    check_result check(const std::vector<Element> &w, const std::vector<Element> &h) const {
        require(w, h);
        return problem::check(w.data(), h.data());
    }

    check_result check(const std::vector<Element> &w, const std::vector<Element> &h,
                       const hpm::options &options) const {
        require(w, h);
        return problem::check(w.data(), h.data(), options);
    }

private:
    static constexpr hpm::element element =
        std::is_same_v<Element, double> ? hpm::element::float64 : hpm::element::float32;

    explicit host_problem(std::shared_ptr<detail::host_context<Element>> context)
        : problem(vectors(element, context->parameters),
                  vectors(element, context->hyperparameters), context->callbacks(), context.get(),
                  context),
          parameters_(context->parameters), hyperparameters_(context->hyperparameters) {}

    friend class population;

    void require_parameters(const std::vector<Element> &w) const {
        if (w.size() == parameters_) return;
        throw argument_error("w has " + std::to_string(w.size()) +
                             " components; allowed: " + std::to_string(parameters_));
    }

    void require(const std::vector<Element> &w, const std::vector<Element> &h) const {
        require_parameters(w);
        if (h.size() == hyperparameters_) return;
        throw argument_error("h has " + std::to_string(h.size()) +
                             " components; allowed: " + std::to_string(hyperparameters_));
    }

    std::size_t parameters_;
    std::size_t hyperparameters_;
};

/// A training report of a run, or a step of a schedule.
struct training {
    std::size_t student;
    /// Which of the student's training reports it was, from 1.
    std::size_t report;
    double loss;
    std::vector<double> hyperparameters;
};

/// The hyperparameters that trained a student's weights, report by report: of population::schedule.
class schedule : public detail::owner<hpm_schedule> {
public:
    /// Takes a handle over.
    explicit schedule(hpm_schedule *handle) noexcept : owner(handle) {}

    /// The schedule that save() wrote.
    static schedule load(const std::vector<std::uint8_t> &bytes) {
        static const std::uint8_t nothing = 0;
        return schedule(detail::made<hpm_schedule>(
            hpm_schedule_load, bytes.empty() ? &nothing : bytes.data(), bytes.size()));
    }

    std::vector<std::uint8_t> save() const {
        std::size_t needed = 0;
        check(hpm_schedule_save(get(), nullptr, 0, &needed));
        std::vector<std::uint8_t> bytes(needed);
        check(hpm_schedule_save(get(), bytes.data(), bytes.size(), &needed));
        return bytes;
    }

    std::size_t length() const {
        std::size_t length = 0;
        check(hpm_schedule_length(get(), &length));
        return length;
    }

    hpm::space space() const { return hpm::space(detail::made<hpm_space>(hpm_schedule_space, get())); }

    training at(std::size_t step) const {
        training found = {};
        found.hyperparameters.resize(space().dimension());
        check(hpm_schedule_at(get(), step, found.hyperparameters.data(),
                              found.hyperparameters.size(), &found.student, &found.report,
                              &found.loss));
        return found;
    }
};

/// Something that happened in a population: the members of hpm_event. Views are valid during the
/// call that hands it over.
struct event {
    event_kind kind;
    std::size_t student;
    std::size_t report;
    std::size_t source;
    std::size_t parent;
    std::size_t rank;
    std::size_t source_rank;
    double loss;
    double training_cost;
    double hypergradient_cost;
    /// Empty where no part of the algorithm did it.
    std::string_view part;
    /// Which hyperparameters changed, what they were, and what they are.
    view<const std::size_t> indices;
    view<const double> from;
    view<const double> to;
};

/// A population of students and the algorithm that tunes them.
///
/// An exception of an observer or a log comes back, as it was, from the call that caused it. After
/// one of a log nothing has changed; after one of an observer the call has succeeded.
///
/// The destructor waits for the callbacks of other threads. While run() is under way, and inside its
/// own log or observer, a population can't be destroyed: it outlives this object then, with all who
/// listen to it, and is never freed unless by its handle.
class population : public detail::owner<hpm_population> {
public:
    explicit population(const hpm::space &space)
        : population(created::by(hpm_population_create, space.get(),
                                 static_cast<hpm_options *>(nullptr))) {}

    population(const hpm::space &space, const hpm::options &options)
        : population(created::by(hpm_population_create, space.get(), detail::given(options))) {}

    /// Throws warning_error where the one above would have a warning().
    population(const hpm::space &space, const hpm::options &options, strict_t)
        : population(space, options) {
        if (!warning_.empty()) throw warning_error(warning_);
    }

    /// Takes a handle over.
    explicit population(hpm_population *handle) : owner(handle), dimension_(0) {
        if (handle) check(hpm_population_dimension(handle, &dimension_));
    }

    population(population &&) noexcept = default;

    population &operator=(population &&other) noexcept {
        if (this == &other) return *this;
        destroy();
        owner::operator=(std::move(other));
        dimension_ = other.dimension_;
        warning_ = std::move(other.warning_);
        listeners_ = std::move(other.listeners_);
        problems_ = std::move(other.problems_);
        return *this;
    }

    ~population() { destroy(); }

    /// The run that a file holds, or a new one: hpm_run_open.
    static population open(std::string_view path, const hpm::space &space,
                           const hpm::options &options = hpm::options(),
                           override_kind overrides = override_kind::none) {
        return population(created::by(hpm_run_open_overriding,
                                      detail::text(path, "path").c_str(), space.get(),
                                      detail::given(options),
                                      static_cast<hpm_override>(overrides)));
    }

    /// The run that a file holds.
    static population open(std::string_view path) {
        return population(created::by(hpm_run_open, detail::text(path, "path").c_str(),
                                      static_cast<hpm_space *>(nullptr),
                                      static_cast<hpm_options *>(nullptr)));
    }

    void set_durability(hpm::durability durability) {
        check(hpm_run_set_durability(get(), static_cast<hpm_durability>(durability)));
    }

    void log_metric(std::size_t student, std::string_view name, double value) {
        check(hpm_run_log_metric(get(), student, detail::text(name, "name").c_str(), value));
    }

    /// All training reports of a run that is kept in a file.
    std::vector<training> history() const {
        std::vector<training> reports;
        const auto see = [](void *context, std::size_t student, std::size_t number, double loss,
                            const double *h, std::size_t n) noexcept -> std::int32_t {
            return detail::guarded([&] {
                static_cast<std::vector<training> *>(context)->push_back(
                    {student, number, loss, std::vector<double>(h, h + n)});
            });
        };
        detail::check_thrown(hpm_run_reports(get(), see, &reports));
        return reports;
    }

    /// The schedule of the weights that a student holds now, of a run that is kept in a file.
    hpm::schedule schedule(std::size_t student) const {
        return hpm::schedule(detail::made<hpm_schedule>(hpm_schedule_export, get(), student));
    }

    /// The population that save() wrote.
    static population load(const std::uint8_t *bytes, std::size_t length) {
        return population(created::by(hpm_population_load, bytes, length));
    }

    static population load(const std::vector<std::uint8_t> &bytes) {
        static const std::uint8_t nothing = 0;
        return load(bytes.empty() ? &nothing : bytes.data(), bytes.size());
    }

    /// The whole state; load() makes a population of it that goes on bit for bit.
    std::vector<std::uint8_t> save() const {
        std::vector<std::uint8_t> bytes;
        std::size_t needed = 0;
        check(hpm_population_save(get(), nullptr, 0, &needed));
        for (;;) {
            bytes.resize(needed);
            const hpm_status status =
                hpm_population_save(get(), bytes.data(), bytes.size(), &needed);
            // Another thread's report made it larger.
            if (status == HPM_ERROR_CAPACITY) continue;
            check(status);
            bytes.resize(needed);
            return bytes;
        }
    }

    /// What creating or loading it warned of, as an option that the algorithm does not read or a run
    /// that will hardly exploit; empty: nothing.
    const std::string &warning() const noexcept { return warning_; }

    std::size_t size() const {
        std::size_t size = 0;
        check(hpm_population_size(get(), &size));
        return size;
    }

    /// The number of hyperparameters of a student.
    std::size_t dimension() const noexcept { return dimension_; }

    /// A copy of the space.
    hpm::space space() const {
        return hpm::space(detail::made<hpm_space>(hpm_population_space, get()));
    }

    task next(std::size_t student) {
        task answer = {};
        answer.hyperparameters.resize(dimension_);
        static_cast<assignment &>(answer) =
            next(student, answer.hyperparameters.data(), dimension_);
        return answer;
    }

    assignment next(std::size_t student, double *hyperparameters, std::size_t n) {
        hpm_action action = HPM_ACTION_WAIT;
        std::size_t source = 0;
        detail::check_thrown(hpm_student_next(get(), student, &action, &source, hyperparameters, n));
        return {static_cast<hpm::action>(action), source};
    }

    void report(std::size_t student, double loss) {
        detail::check_thrown(hpm_student_report(get(), student, loss, nullptr, 0));
    }

    /// An empty hypergradient is none.
    void report(std::size_t student, double loss, const std::vector<double> &hypergradient) {
        report(student, loss, detail::data(hypergradient), hypergradient.size());
    }

    void report(std::size_t student, double loss, const double *hypergradient, std::size_t n) {
        detail::check_thrown(hpm_student_report(get(), student, loss, hypergradient, n));
    }

    ticketed_task next_ticket(std::size_t student) {
        ticketed_task answer = {};
        answer.hyperparameters.resize(dimension_);
        hpm_action action = HPM_ACTION_WAIT;
        detail::check_thrown(hpm_student_next_ticket(get(), student, &action, &answer.source,
                                                     &answer.ticket, answer.hyperparameters.data(),
                                                     dimension_));
        answer.action = static_cast<hpm::action>(action);
        return answer;
    }

    /// False where the ticket was answered before or is superseded: nothing has changed. An empty
    /// hypergradient is none.
    bool report_ticket(std::size_t student, std::uint64_t ticket, double loss,
                       const std::vector<double> &hypergradient = {}) {
        return detail::check_thrown(hpm_student_report_ticket(
                   get(), student, ticket, loss, detail::data(hypergradient),
                   hypergradient.size())) != HPM_STALE;
    }

    /// Ownership of the handle. End observers and the log before: their functions go with this
    /// object.
    using owner::release;

    /// Gives the task of a lost worker back.
    void release(std::size_t student) {
        detail::check_thrown(hpm_student_release(get(), student));
    }

    void retire(std::size_t student) { detail::check_thrown(hpm_student_retire(get(), student)); }

    void grow(std::size_t count, hpm::origin origin = origin::drawn) {
        detail::check_thrown(
            hpm_population_grow(get(), count, static_cast<hpm_origin>(origin)));
    }

    /// 0: no end.
    void set_steps(std::size_t steps) {
        detail::check_thrown(hpm_population_set_steps(get(), steps));
    }

    /// Hands every input to `function` before it is applied; an exception refuses the input. Without
    /// a function it ends the log. A function lives as long as this object, since another thread may
    /// be in it.
    void log(std::function<void(const std::uint8_t *bytes, std::size_t length)> function) {
        if (!function) {
            check(hpm_population_log(get(), nullptr, nullptr));
            return;
        }
        const std::shared_ptr<listeners> kept = living_listeners();
        const std::lock_guard<std::mutex> lock(kept->mutex);
        kept->logs.push_back(std::make_unique<log_function>(std::move(function)));
        const hpm_status status = hpm_population_log(get(), &call::log, kept->logs.back().get());
        if (status < 0) kept->logs.pop_back();
        check(status);
    }

    /// The number of bytes that were applied: fewer than there are where they end inside an input.
    std::size_t replay(const std::uint8_t *bytes, std::size_t length) {
        std::size_t applied = 0;
        detail::check_thrown(hpm_population_replay(get(), bytes, length, &applied));
        return applied;
    }

    std::size_t replay(const std::vector<std::uint8_t> &bytes) {
        static const std::uint8_t nothing = 0;
        return replay(bytes.empty() ? &nothing : bytes.data(), bytes.size());
    }

    /// A number for unobserve().
    std::size_t observe(std::function<void(const event &)> function,
                        event_kind kinds = event_kind::all) {
        if (!function) throw argument_error("function is empty; allowed: a function");
        const std::shared_ptr<listeners> kept = living_listeners();
        const std::lock_guard<std::mutex> lock(kept->mutex);
        kept->observers.push_back(std::make_unique<observer>(std::move(function)));
        observer &added = *kept->observers.back();
        const hpm_status status =
            hpm_population_observe(get(), static_cast<std::uint32_t>(kinds), &call::observe,
                                   &added, &added.number);
        if (status < 0) kept->observers.pop_back();
        check(status);
        return added.number;
    }

    void unobserve(std::size_t number) {
        check(hpm_population_unobserve(get(), number));
        // What the function holds may call back in when it goes.
        std::shared_ptr<const observer_function> ended;
        const std::lock_guard<std::mutex> lock(listeners_->mutex);
        for (const std::unique_ptr<observer> &one : listeners_->observers) {
            if (one->number == number) ended = one->end();
        }
    }

    /// An option as it is in force, as options::set takes it.
    std::string option(std::string_view key) const {
        const std::string name = detail::text(key, "key");
        return detail::text_from([&](char *out, std::size_t capacity, std::size_t *needed) {
            return hpm_population_option(get(), name.c_str(), out, capacity, needed);
        });
    }

    /// What next() can answer, action::wait and action::stop apart, in the order of hpm::action.
    std::vector<hpm::action> actions() const {
        std::uint32_t mask = 0;
        check(hpm_population_actions(get(), &mask));
        std::vector<hpm::action> found;
        for (hpm_action action = 0; mask >> action != 0; action += 1) {
            if (mask >> action & 1) found.push_back(static_cast<hpm::action>(action));
        }
        return found;
    }

    /// Whether the report on a student's task is to hold a hypergradient.
    bool wants_hypergradient(std::size_t student) const {
        std::int32_t wanted = 0;
        check(hpm_student_wants_hypergradient(get(), student, &wanted));
        return wanted != 0;
    }

    /// The training reports that a student has made.
    std::size_t reports(std::size_t student) const {
        std::size_t reports = 0;
        check(hpm_student_reports(get(), student, &reports));
        return reports;
    }

    /// The training reports that went into the weights that a student holds.
    std::size_t age(std::size_t student) const {
        std::size_t age = 0;
        check(hpm_student_age(get(), student, &age));
        return age;
    }

    tasks next_all() {
        const std::size_t students = size();
        std::vector<hpm_action> actions(students);
        tasks answer;
        answer.sources.resize(students);
        answer.hyperparameters.resize(students * dimension_);
        detail::check_thrown(hpm_population_next_all(get(), actions.data(), answer.sources.data(),
                                      answer.hyperparameters.data(), students, dimension_));
        for (hpm_action action : actions) {
            answer.actions.push_back(static_cast<hpm::action>(action));
        }
        return answer;
    }

    /// Row k of `hypergradients` is student k; empty: none.
    void report_all(const std::vector<double> &losses,
                    const std::vector<double> &hypergradients = {}) {
        const std::size_t students = losses.size();
        if (students != 0 && hypergradients.size() % students != 0) {
            throw argument_error("hypergradients has " + std::to_string(hypergradients.size()) +
                                 " elements; allowed: as many for each of " +
                                 std::to_string(students) + " students");
        }
        const std::size_t n = students == 0 ? 0 : hypergradients.size() / students;
        static const double nothing = 0;
        detail::check_thrown(hpm_population_report_all(get(), students == 0 ? &nothing : losses.data(),
                                        detail::data(hypergradients), students, n));
    }

    void report_cost(std::size_t student, double training, double hypergradient) {
        detail::check_thrown(hpm_student_report_cost(get(), student, training, hypergradient));
    }

    std::vector<double> hyperparameters(std::size_t student) const {
        std::vector<double> values(dimension_);
        check(hpm_student_hyperparameters(get(), student, values.data(), values.size()));
        return values;
    }

    void set_initial(std::size_t student, const std::vector<double> &hyperparameters) {
        static const double nothing = 0;
        detail::check_thrown(hpm_student_set_initial(
            get(), student, hyperparameters.empty() ? &nothing : hyperparameters.data(),
            hyperparameters.size()));
    }

    std::size_t ancestor(std::size_t student, std::size_t report) const {
        std::size_t ancestor = 0;
        check(hpm_student_ancestor(get(), student, report, &ancestor));
        return ancestor;
    }

    /// Which of the ancestor's own reports it was.
    std::size_t ancestor_report(std::size_t student, std::size_t report) const {
        std::size_t own = 0;
        check(hpm_student_ancestor_report(get(), student, report, &own));
        return own;
    }

    /// After which report of its source a clone is to take the source's checkpoint.
    std::size_t source_report(std::size_t student) const {
        std::size_t report = 0;
        check(hpm_student_source_report(get(), student, &report));
        return report;
    }

    /// Whether no clone will ask for a student's checkpoint after a report any more.
    bool releasable(std::size_t student, std::size_t report) const {
        std::int32_t releasable = 0;
        check(hpm_checkpoint_releasable(get(), student, report, &releasable));
        return releasable != 0;
    }

    double count(std::string_view counter) const {
        double number = 0;
        check(hpm_population_count(get(), detail::text(counter, "counter").c_str(), &number));
        return number;
    }

    /// Throws no_result_error before any student has a finite loss.
    best_student best() const {
        best_student best = {};
        check(hpm_population_best(get(), &best.student, &best.loss));
        return best;
    }

    /// The model to keep as a mean of weights of kin, the best student first; empty: nobody judges it. An
    /// exception of the judge comes out as it was. Throws no_result_error before any student has a
    /// finite loss.
    std::vector<blended_student> blend(const hpm::judge &judge = {}) const {
        std::vector<std::size_t> chosen;
        std::vector<double> shares;
        std::size_t count = 0;
        const hpm_judge_callback judged = judge ? &call::judged : nullptr;
        hpm_status status = HPM_OK;
        do { // nothing is judged before there is room; students may join meanwhile
            check(hpm_population_blend(get(), judged, nullptr, nullptr, nullptr, 0, &count));
            chosen.resize(count);
            shares.resize(count);
            status = hpm_population_blend(get(), judged, const_cast<hpm::judge *>(&judge),
                                          chosen.data(), shares.data(), chosen.size(), &count);
        } while (status == HPM_ERROR_CAPACITY);
        detail::check_thrown(status);
        return blended(chosen.data(), shares.data(), count);
    }

    /// Throws no_result_error before any student has a finite loss.
    best_point best_hyperparameters() const {
        best_point best = {std::vector<double>(dimension_), 0};
        check(hpm_population_best_hyperparameters(get(), best.hyperparameters.data(), dimension_,
                                                  &best.loss));
        return best;
    }

    void stop() { detail::check_thrown(hpm_population_stop(get())); }

    /// run() computes the student's hypergradient from the problem where train and evaluate return
    /// none. `w` has to outlive the runs; the problem's callables live as long as they are needed.
    void set_problem(std::size_t student, const hpm::problem &problem, const void *w) {
        if (!problem.get()) {
            throw handle_error("problem was moved from; allowed: a living problem");
        }
        check(hpm_student_set_problem(get(), student, problem.get(), w));
        problems_->set(student, problem.callables_);
    }

    /// As above; `w` must not be resized before the runs are over.
    template <class Element>
    void set_problem(std::size_t student, const host_problem<Element> &problem,
                     const std::vector<Element> &w) {
        if (problem.get()) problem.require_parameters(w);
        set_problem(student, static_cast<const hpm::problem &>(problem),
                    static_cast<const void *>(w.data()));
    }

    /// From now on the student has no problem.
    void clear_problem(std::size_t student) {
        check(hpm_student_set_problem(get(), student, nullptr, nullptr));
        problems_->set(student, nullptr);
    }

    /// Of the student's latest hypergradient that run() computed. Throws no_result_error before
    /// there is one.
    hpm::certificate certificate(std::size_t student) const {
        hpm_certificate found = {};
        found.size = sizeof found;
        check(hpm_student_certificate(get(), student, &found));
        return detail::certificate_from(found);
    }

    /// Drives the population to its end: true when all students are done, false after stop(). An
    /// exception of a callable, also of a problem's, ends the run and is thrown as it was; a second
    /// run begins with the same task again.
    bool run(const hpm::trainer &trainer) {
        const hpm_trainer callbacks = {
            sizeof(hpm_trainer),
            trainer.train ? &call::train : nullptr,
            trainer.evaluate ? &call::evaluate : nullptr,
            trainer.clone ? &call::clone : nullptr,
            trainer.restart ? &call::restart : nullptr,
        };
        call context{trainer, {}, nullptr};
        // Of an object that was moved from there are none.
        const registry::user living(problems_ ? problems_ : std::make_shared<registry>());
        const std::shared_ptr<listeners> heard = listeners_;
        const hpm_status status = hpm_population_run(get(), &callbacks, &context);
        if (context.thrown) {
            detail::thrown() = nullptr;
            std::rethrow_exception(context.thrown);
        }
        return detail::check_thrown(status) != HPM_STOPPED;
    }

private:
    static std::vector<blended_student> blended(const std::size_t *students, const double *shares,
                                                std::size_t count) {
        std::vector<blended_student> blend;
        for (std::size_t i = 0; i < count; i += 1) blend.push_back({students[i], shares[i]});
        return blend;
    }

    /// A new handle with what was warned of.
    struct created {
        hpm_population *handle;
        std::string warning;

        template <class Create, class... Arguments>
        static created by(Create create, Arguments... arguments) {
            created made = {};
            const hpm_status status = check(create(arguments..., &made.handle));
            if (status == HPM_WARNING) made.warning = hpm_last_error();
            return made;
        }
    };

    explicit population(created made) : population(made.handle) {
        warning_ = std::move(made.warning);
    }

    using observer_function = std::function<void(const event &)>;
    using log_function = std::function<void(const std::uint8_t *bytes, std::size_t length)>;

    /// An observer's place lives as long as the population, since a call of another thread may hold
    /// it; its function goes when it ends.
    class observer {
    public:
        explicit observer(observer_function function)
            : function_(std::make_shared<const observer_function>(std::move(function))) {}

        /// None after the end.
        std::shared_ptr<const observer_function> function() {
            const std::lock_guard<std::mutex> lock(mutex_);
            return function_;
        }

        std::shared_ptr<const observer_function> end() {
            const std::lock_guard<std::mutex> lock(mutex_);
            return std::exchange(function_, nullptr);
        }

        std::size_t number = std::numeric_limits<std::size_t>::max();

    private:
        std::mutex mutex_;
        std::shared_ptr<const observer_function> function_;
    };

    struct listeners {
        std::mutex mutex;
        std::vector<std::unique_ptr<observer>> observers;
        std::vector<std::unique_ptr<log_function>> logs;
        /// Of a population that outlives its owner: nobody frees them.
        std::shared_ptr<listeners> kept;
    };

    /// The population goes before those who listen to it.
    void destroy() noexcept {
        if (hpm_population_destroy(owner::release()) == HPM_ERROR_BUSY && listeners_) {
            listeners_->kept = listeners_;
        }
    }

    /// Of an object that was moved from there are none.
    std::shared_ptr<listeners> living_listeners() const {
        return listeners_ ? listeners_ : std::make_shared<listeners>();
    }

    /// Keeps the callables of problems that were set. Those that were replaced during a run live
    /// until its end, and all of them if this object goes under it.
    class registry {
    public:
        void set(std::size_t student, std::shared_ptr<const void> callables) {
            const std::lock_guard<std::mutex> lock(mutex_);
            std::shared_ptr<const void> &place = current_[student];
            if (users_ > 0) replaced_.push_back(place);
            // The old ones may be the last, and what they hold may call back in.
            std::swap(place, callables);
        }

        class user {
        public:
            explicit user(std::shared_ptr<registry> problems) : problems_(std::move(problems)) {
                const std::lock_guard<std::mutex> lock(problems_->mutex_);
                problems_->users_ += 1;
            }
            user(const user &) = delete;
            user &operator=(const user &) = delete;

            ~user() {
                std::vector<std::shared_ptr<const void>> replaced;
                const std::lock_guard<std::mutex> lock(problems_->mutex_);
                problems_->users_ -= 1;
                if (problems_->users_ == 0) std::swap(replaced, problems_->replaced_);
            }

        private:
            std::shared_ptr<registry> problems_;
        };

    private:
        std::mutex mutex_;
        std::map<std::size_t, std::shared_ptr<const void>> current_;
        std::vector<std::shared_ptr<const void>> replaced_;
        int users_ = 0;
    };

    /// One run: carries an exception across the C frames in between.
    struct call {
        const hpm::trainer &trainer;
        std::vector<double> hyperparameters;
        std::exception_ptr thrown;

        template <class Body>
        static std::int32_t guarded(void *context, Body body) noexcept {
            call &self = *static_cast<call *>(context);
            try {
                body(self);
                return 0;
            } catch (...) {
                self.thrown = std::current_exception();
                return 1;
            }
        }

        template <class Train>
        static std::int32_t trained(void *context, Train train, std::size_t student,
                                    const double *hyperparameters, std::size_t n, double *loss,
                                    double *hypergradient, std::int32_t *has_hypergradient) {
            return guarded(context, [=](call &self) {
                self.hyperparameters.assign(hyperparameters, hyperparameters + n);
                const result outcome = (self.trainer.*train)(student, self.hyperparameters);
                *loss = outcome.loss;
                if (outcome.hypergradient.empty()) return;
                if (outcome.hypergradient.size() != n) {
                    throw argument_error("hypergradient has " +
                                         std::to_string(outcome.hypergradient.size()) +
                                         " components; allowed: " + std::to_string(n) + " or none");
                }
                for (std::size_t i = 0; i < n; i += 1) hypergradient[i] = outcome.hypergradient[i];
                *has_hypergradient = 1;
            });
        }

        static std::int32_t train(void *context, std::size_t student, const double *hyperparameters,
                                  std::size_t n, double *loss, double *hypergradient,
                                  std::int32_t *has_hypergradient) {
            return trained(context, &hpm::trainer::train, student, hyperparameters, n, loss,
                           hypergradient, has_hypergradient);
        }

        static std::int32_t evaluate(void *context, std::size_t student,
                                     const double *hyperparameters, std::size_t n, double *loss,
                                     double *hypergradient, std::int32_t *has_hypergradient) {
            return trained(context, &hpm::trainer::evaluate, student, hyperparameters, n, loss,
                           hypergradient, has_hypergradient);
        }

        static std::int32_t clone(void *context, std::size_t source, std::size_t student) {
            return guarded(context, [=](call &self) { self.trainer.clone(source, student); });
        }

        static std::int32_t restart(void *context, std::size_t student) {
            return guarded(context, [=](call &self) { self.trainer.restart(student); });
        }

        static std::int32_t judged(void *context, const std::size_t *students, const double *shares,
                                   std::size_t count, double *loss) {
            return detail::guarded([=] {
                *loss = (*static_cast<const hpm::judge *>(context))(blended(students, shares, count));
            });
        }

        static std::int32_t observe(void *context, const hpm_event *e) {
            return detail::guarded([=] {
                const auto function = static_cast<observer *>(context)->function();
                if (!function) return;
                (*function)({static_cast<event_kind>(e->kind), e->student, e->report, e->source,
                             e->parent, e->rank, e->source_rank, e->loss, e->training_cost,
                             e->hypergradient_cost,
                             e->part ? std::string_view(e->part) : std::string_view(),
                             {e->indices, e->count}, {e->from, e->count}, {e->to, e->count}});
            });
        }

        static std::int32_t log(void *context, const std::uint8_t *bytes, std::size_t length) {
            return detail::guarded(
                [=] { (*static_cast<const log_function *>(context))(bytes, length); });
        }
    };

    std::size_t dimension_;
    std::string warning_;
    std::shared_ptr<listeners> listeners_ = std::make_shared<listeners>();
    std::shared_ptr<registry> problems_ = std::make_shared<registry>();
};

/// A teacher on its own, for programs that have their own population.
class teacher : public detail::owner<hpm_teacher> {
public:
    explicit teacher(std::size_t dimension)
        : owner(detail::made<hpm_teacher>(hpm_teacher_create, dimension,
                                          static_cast<hpm_options *>(nullptr))) {}

    teacher(std::size_t dimension, const hpm::options &options)
        : owner(detail::made<hpm_teacher>(hpm_teacher_create, dimension,
                                          detail::given(options))) {}

    /// Takes a handle over.
    explicit teacher(hpm_teacher *handle) noexcept : owner(handle) {}

    std::vector<double> mutate(const std::vector<double> &parent) {
        std::vector<double> child(parent.size());
        mutate(parent.data(), child.data(), parent.size());
        return child;
    }

    void mutate(const double *parent, double *child, std::size_t n) {
        check(hpm_teacher_mutate(get(), parent, child, n));
    }

    /// Whether there was anything to learn.
    bool learn(const std::vector<double> &parent, const std::vector<double> &gradient_at_child) {
        if (parent.size() != gradient_at_child.size()) {
            throw argument_error("gradient_at_child has " +
                                 std::to_string(gradient_at_child.size()) +
                                 " components; allowed: " + std::to_string(parent.size()));
        }
        return learn(parent.data(), gradient_at_child.data(), parent.size());
    }

    bool learn(const double *parent, const double *gradient_at_child, std::size_t n) {
        return check(hpm_teacher_learn(get(), parent, gradient_at_child, n)) != HPM_UNCHANGED;
    }
};

} // namespace hpm

#endif
