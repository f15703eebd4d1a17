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
#include <memory>
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

/// As an initial value: drawn, as for all students but the first. In a hypergradient: no
/// derivative.
inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The version of the library that is running.
inline std::string version() { return hpm_version(); }

namespace detail {

struct destroyer {
    // A destructor can't report: a population that is being run elsewhere outlives its owner.
    void operator()(hpm_space *handle) const noexcept { hpm_space_destroy(handle); }
    void operator()(hpm_options *handle) const noexcept { hpm_options_destroy(handle); }
    void operator()(hpm_population *handle) const noexcept { hpm_population_destroy(handle); }
    void operator()(hpm_teacher *handle) const noexcept { hpm_teacher_destroy(handle); }
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
    std::size_t parameters() const {
        std::size_t parameters = 0;
        check(hpm_space_parameters(get(), &parameters));
        return parameters;
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

/// A population of students and the algorithm that tunes them.
class population : public detail::owner<hpm_population> {
public:
    explicit population(const hpm::space &space)
        : population(detail::made<hpm_population>(hpm_population_create, space.get(),
                                                  static_cast<hpm_options *>(nullptr))) {}

    population(const hpm::space &space, const hpm::options &options)
        : population(detail::made<hpm_population>(hpm_population_create, space.get(),
                                                  detail::given(options))) {}

    /// Takes a handle over.
    explicit population(hpm_population *handle) : owner(handle), dimension_(0) {
        if (handle) check(hpm_population_dimension(handle, &dimension_));
    }

    population(population &&) noexcept = default;
    population &operator=(population &&) noexcept = default;

    /// The population that save() wrote.
    static population load(const std::uint8_t *bytes, std::size_t length) {
        return population(detail::made<hpm_population>(hpm_population_load, bytes, length));
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
        check(hpm_student_next(get(), student, &action, &source, hyperparameters, n));
        return {static_cast<hpm::action>(action), source};
    }

    void report(std::size_t student, double loss) {
        check(hpm_student_report(get(), student, loss, nullptr, 0));
    }

    /// An empty hypergradient is none.
    void report(std::size_t student, double loss, const std::vector<double> &hypergradient) {
        report(student, loss, detail::data(hypergradient), hypergradient.size());
    }

    void report(std::size_t student, double loss, const double *hypergradient, std::size_t n) {
        check(hpm_student_report(get(), student, loss, hypergradient, n));
    }

    tasks next_all() {
        const std::size_t students = size();
        std::vector<hpm_action> actions(students);
        tasks answer;
        answer.sources.resize(students);
        answer.hyperparameters.resize(students * dimension_);
        check(hpm_population_next_all(get(), actions.data(), answer.sources.data(),
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
        check(hpm_population_report_all(get(), students == 0 ? &nothing : losses.data(),
                                        detail::data(hypergradients), students, n));
    }

    void report_cost(std::size_t student, double training, double hypergradient) {
        check(hpm_student_report_cost(get(), student, training, hypergradient));
    }

    std::vector<double> hyperparameters(std::size_t student) const {
        std::vector<double> values(dimension_);
        check(hpm_student_hyperparameters(get(), student, values.data(), values.size()));
        return values;
    }

    void set_initial(std::size_t student, const std::vector<double> &hyperparameters) {
        static const double nothing = 0;
        check(hpm_student_set_initial(
            get(), student, hyperparameters.empty() ? &nothing : hyperparameters.data(),
            hyperparameters.size()));
    }

    std::size_t ancestor(std::size_t student, std::size_t report) const {
        std::size_t ancestor = 0;
        check(hpm_student_ancestor(get(), student, report, &ancestor));
        return ancestor;
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

    /// Throws no_result_error before any student has a finite loss.
    best_point best_hyperparameters() const {
        best_point best = {std::vector<double>(dimension_), 0};
        check(hpm_population_best_hyperparameters(get(), best.hyperparameters.data(), dimension_,
                                                  &best.loss));
        return best;
    }

    void stop() { check(hpm_population_stop(get())); }

    /// Drives the population to its end: true when all students are done, false after stop(). An
    /// exception of a callable ends the run and is thrown as it was; a second run begins with the
    /// same task again.
    bool run(const hpm::trainer &trainer) {
        const hpm_trainer callbacks = {
            sizeof(hpm_trainer),
            trainer.train ? &call::train : nullptr,
            trainer.evaluate ? &call::evaluate : nullptr,
            trainer.clone ? &call::clone : nullptr,
            trainer.restart ? &call::restart : nullptr,
        };
        call context{trainer, {}, nullptr};
        const hpm_status status = hpm_population_run(get(), &callbacks, &context);
        if (context.thrown) std::rethrow_exception(context.thrown);
        return check(status) != HPM_STOPPED;
    }

private:
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
    };

    std::size_t dimension_;
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
