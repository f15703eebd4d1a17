// hpm.hpp: ownership, exceptions by type, exceptions of callables as themselves, and that every
// function reaches its C counterpart.
#include <hpm.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <thread>
#include <type_traits>

#include <unistd.h>

#include "expect.h"

namespace {

constexpr std::size_t students = 5;
constexpr std::size_t reports = 9;
constexpr std::size_t dimension = 5;

template <class Exception, class Body>
void expect_throw(const char *what, Body body) {
    try {
        body();
        expect(false, "%s: nothing was thrown", what);
    } catch (const Exception &exception) {
        expect(std::strlen(exception.what()) > 0, "%s: nothing was said", what);
    } catch (const std::exception &exception) {
        expect(false, "%s: another exception: %s", what, exception.what());
    }
}

hpm::space make_space() {
    hpm::space space;
    space.add_real("rate", 1e-4, 1, hpm::scale::log, 0.1)
        .add_integer("depth", 1, 9)
        .add_choice("kind", {"relu", "tanh", "gelu"}, 2)
        .add_block("weights", 2, 0.1, 0.9, hpm::scale::logit)
        .set_update("weights", hpm::update::both);
    return space;
}

hpm::population make_population(const char *algorithm = "hpm") {
    return hpm::population(make_space(), hpm::options()
                                             .set("population", students)
                                             .set("steps", reports)
                                             .set("interval", 2)
                                             .set("truncation", 0.4)
                                             .set("algorithm", algorithm)
                                             .set("trial", 3));
}

hpm::result bowl(std::size_t student, const std::vector<double> &h) {
    hpm::result result = 0.01 * static_cast<double>(student);
    for (double value : h) {
        result.loss += (value - 0.5) * (value - 0.5);
        result.hypergradient.push_back(2 * (value - 0.5));
    }
    result.hypergradient[1] = result.hypergradient[2] = hpm::none;
    return result;
}

hpm::trainer make_trainer(int *calls = nullptr) {
    const auto train = [calls](std::size_t student, const std::vector<double> &h) {
        if (calls) ++*calls;
        return bowl(student, h);
    };
    return {train, train, [](std::size_t, std::size_t) {}, [](std::size_t) {}};
}

// --- Ownership ---

static_assert(!std::is_copy_constructible_v<hpm::space>);
static_assert(!std::is_copy_assignable_v<hpm::options>);
static_assert(!std::is_copy_constructible_v<hpm::population>);
static_assert(!std::is_copy_assignable_v<hpm::teacher>);
static_assert(std::is_nothrow_move_constructible_v<hpm::space>);
static_assert(std::is_nothrow_move_assignable_v<hpm::options>);
static_assert(std::is_nothrow_move_constructible_v<hpm::population>);
static_assert(std::is_nothrow_move_assignable_v<hpm::teacher>);
static_assert(std::is_base_of_v<std::runtime_error, hpm::error>);
static_assert(std::is_base_of_v<hpm::error, hpm::order_error>);

void test_ownership() {
    hpm_space *handle = nullptr;
    std::size_t number = 0;
    {
        hpm::space first = make_space();
        handle = first.get();
        hpm::space second = std::move(first);
        expect(second.get() == handle && !first.get(), "a move keeps the handle");
        expect_throw<hpm::handle_error>("a space that was moved from", [&] { first.dimension(); });
        first = std::move(second);
        expect(first.dimension() == dimension, "a move back");
    }
    expect(hpm_space_dimension(handle, &number) == HPM_ERROR_HANDLE, "the end of scope destroys");

    {
        hpm::population population = make_population();
        hpm_population *old = population.get();
        population = make_population("pbt");
        expect(hpm_population_size(old, &number) == HPM_ERROR_HANDLE, "assignment destroys");
        hpm_population *released = population.release();
        expect(!population.get(), "release gives the handle up");
        hpm::population adopted(released);
        expect(adopted.dimension() == dimension && adopted.size() == students, "adopted again");
        hpm::population moved = std::move(adopted);
        expect(moved.dimension() == dimension, "the dimension moves along");
        expect_throw<hpm::handle_error>("a population that was moved from",
                                        [&] { adopted.next(0); });
    }

    hpm::options options;
    hpm::options taken = std::move(options);
    expect_throw<hpm::handle_error>("options that were moved from are no defaults",
                                    [&] { hpm::population(make_space(), options); });
    expect_throw<hpm::handle_error>("nor for a teacher", [&] { hpm::teacher(3, options); });

    std::vector<hpm::population> many;
    for (int i = 0; i < 10; ++i) many.push_back(make_population());
    many.erase(many.begin(), many.begin() + 5);
    for (hpm::population &population : many) expect(population.size() == students, "in a vector");
}

// --- Errors ---

void test_errors() {
    hpm::space space = make_space();
    hpm::population population = make_population();
    try {
        space.add_real("rate", 0, 1);
        expect(false, "a name that is taken");
    } catch (const hpm::error &error) {
        expect(error.status() == HPM_ERROR_ARGUMENT, "status %d", static_cast<int>(error.status()));
        expect(std::strstr(error.what(), "rate") != nullptr, "%s", error.what());
    }
    expect_throw<hpm::argument_error>("bounds", [&] { space.add_real("x", 1, 0); });
    expect_throw<hpm::argument_error>("a NUL in a name", [&] {
        space.add_real(std::string_view("a\0b", 3), 0, 1);
    });
    expect_throw<hpm::argument_error>("a NUL in a label", [&] {
        space.add_choice("c", {"a", std::string("b\0c", 3)});
    });
    expect_throw<hpm::argument_error>("no labels", [&] { space.add_choice("c", {}); });
    expect_throw<hpm::argument_error>("an unknown key",
                                      [] { hpm::options().set("unknown", 1); });
    expect_throw<hpm::argument_error>("a seed that C can't pass", [] {
        hpm::options().set("seed", std::numeric_limits<std::uint64_t>::max());
    });
    expect_throw<hpm::argument_error>("an empty space",
                                      [] { hpm::population population{hpm::space()}; });
    expect_throw<hpm::no_result_error>("the best of none", [&] { population.best(); });
    expect_throw<hpm::no_result_error>("the best of none",
                                       [&] { population.best_hyperparameters(); });
    expect_throw<hpm::order_error>("report before next", [&] { population.report(0, 1); });
    expect_throw<hpm::argument_error>("a student too many", [&] { population.next(students); });
    expect_throw<hpm::argument_error>("a short hypergradient", [&] {
        population.next(0);
        population.report(0, 1, {1, 2});
    });
    expect_throw<hpm::argument_error>("rows of different lengths", [&] {
        population.report_all(std::vector<double>(students), std::vector<double>(7));
    });
    expect_throw<hpm::argument_error>("no losses", [&] { population.report_all({}); });
    expect_throw<hpm::argument_error>("no values", [&] { population.set_initial(1, {}); });
    expect_throw<hpm::snapshot_error>("no bytes", [] { hpm::population::load({}); });
    expect_throw<hpm::memory_error>("a teacher of 2^60", [] {
        hpm::teacher teacher(std::size_t(1) << 60);
    });
    expect_throw<hpm::argument_error>("a teacher's lengths", [] {
        hpm::teacher(3).learn({1, 2, 3}, {1, 2});
    });
    expect(population.next(0).action == hpm::action::train, "the task is out still");
}

// --- Run ---

struct odd_exception {
    std::unique_ptr<int> value = std::make_unique<int>(42);
    odd_exception() = default;
    odd_exception(const odd_exception &other) : value(std::make_unique<int>(*other.value)) {}
};

template <class Body>
void expect_throw_odd(Body body) {
    try {
        body();
        expect(false, "the exception is lost");
    } catch (const odd_exception &exception) {
        expect(*exception.value == 42, "%d", *exception.value);
    }
}

void test_exceptions_of_callables() {
    int calls = 0;
    hpm::population population = make_population();
    hpm::trainer trainer = make_trainer(&calls);

    // Of any type, and with all that it carries.
    trainer.train = [](std::size_t, const std::vector<double> &) -> hpm::result {
        throw std::out_of_range("from training");
    };
    try {
        population.run(trainer);
        expect(false, "the exception is lost");
    } catch (const std::out_of_range &exception) {
        expect(std::strcmp(exception.what(), "from training") == 0, "'%s'", exception.what());
    }
    trainer.train = [](std::size_t, const std::vector<double> &) -> hpm::result {
        throw odd_exception();
    };
    try {
        population.run(trainer);
        expect(false, "the exception is lost");
    } catch (const odd_exception &exception) {
        expect(*exception.value == 42, "%d", *exception.value);
    }
    trainer.train = [](std::size_t, const std::vector<double> &) -> hpm::result { throw 7; };
    try {
        population.run(trainer);
        expect(false, "the exception is lost");
    } catch (int number) {
        expect(number == 7, "%d", number);
    }

    // The next run goes on as if nothing had happened; also after an exception of a clone.
    trainer = make_trainer(&calls);
    trainer.clone = [](std::size_t, std::size_t) { throw std::runtime_error("from cloning"); };
    try {
        population.run(trainer);
        expect(false, "the exception is lost");
    } catch (const std::runtime_error &exception) {
        expect(std::strcmp(exception.what(), "from cloning") == 0, "'%s'", exception.what());
    }
    trainer = make_trainer(&calls);
    expect(population.run(trainer), "the run ends");
    expect(calls == static_cast<int>(students * reports), "%d calls of train", calls);

    hpm::population undisturbed = make_population();
    undisturbed.run(make_trainer());
    expect(undisturbed.best_hyperparameters().hyperparameters ==
               population.best_hyperparameters().hyperparameters,
           "exceptions changed the result");

    // A wrong length is the callable's mistake, and it learns of it.
    hpm::population another = make_population();
    trainer.train = [](std::size_t, const std::vector<double> &) {
        return hpm::result(1, {1, 2});
    };
    expect_throw<hpm::argument_error>("a short hypergradient", [&] { another.run(trainer); });
}

void test_run() {
    // Callables that the algorithm never asks for may be empty; one that it needs may not.
    hpm::trainer trainer = make_trainer();
    trainer.evaluate = nullptr;
    trainer.restart = nullptr;
    expect(make_population().run(trainer), "without evaluate and restart");
    expect_throw<hpm::argument_error>("without clone", [&] {
        trainer.clone = nullptr;
        make_population().run(trainer);
    });
    expect(make_population("hypergradient").run(trainer), "train alone");
    expect_throw<hpm::argument_error>("without train", [] { make_population().run({}); });

    // A loss alone.
    trainer = make_trainer();
    trainer.train = [](std::size_t student, const std::vector<double> &) {
        return static_cast<double>(student);
    };
    hpm::population plain = make_population();
    expect(plain.run(trainer), "losses without hypergradients");
    expect(plain.count("hypergradient_reports") == 0, "a hypergradient from nowhere");

    // Inside a callable: some calls are busy, others are not, and stop ends it.
    hpm::population population = make_population();
    int calls = 0;
    trainer.train = [&](std::size_t student, const std::vector<double> &h) {
        if (++calls == 7) {
            expect_throw<hpm::busy_error>("next inside", [&] { population.next(student); });
            expect_throw<hpm::busy_error>("run inside", [&] { population.run(trainer); });
            expect(!population.save().empty(), "save inside");
            population.report_cost(student, 5, 1);
            population.stop();
        }
        return bowl(student, h);
    };
    expect(!population.run(trainer), "a run that was stopped");
    expect(calls == 7, "%d calls", calls);
    expect(population.count("training_cost") == 6 + 5, "costs");

    // The evaluations of a teacher and the restarts of trials arrive.
    int evaluations = 0, restarts = 0;
    trainer = make_trainer();
    trainer.evaluate = [&](std::size_t student, const std::vector<double> &h) {
        ++evaluations;
        return bowl(student, h);
    };
    trainer.restart = [&](std::size_t) { ++restarts; };
    make_population("hpm-paper").run(trainer);
    make_population("random").run(trainer);
    expect(evaluations > 0 && restarts > 0, "%d evaluations, %d restarts", evaluations, restarts);
}

// --- The rest ---

void test_space() {
    const hpm::space space = make_space();
    expect(space.dimension() == dimension && space.count() == 4, "sizes");
    expect(space.name(3) == "weights" && space.label("kind", 1) == "tanh", "names");
    const hpm::range weights = space.offset("weights");
    expect(weights.offset == 3 && weights.count == 2, "places");
    const hpm::description block = space.describe("weights"), choice = space.describe("kind");
    expect(block.kind == hpm::kind::block && block.low == 0.1 && block.high == 0.9 &&
               block.scale == hpm::scale::logit && std::isnan(block.initial) &&
               block.update == hpm::update::both,
           "a block's description");
    expect(choice.kind == hpm::kind::choice && choice.low == 0 && choice.high == 2 &&
               choice.initial == 2 && choice.update == hpm::update::automatic,
           "a choice's description");
    expect_throw<hpm::argument_error>("an unknown name", [&] { space.describe("unknown"); });
    expect(make_population().space().name(0) == "rate", "a population's space");
}

void test_loop_and_arrays() {
    hpm::population one = make_population(), all = make_population(), run = make_population();
    one.set_initial(3, {0.5, 3, 0, 0.2, 0.8});
    all.set_initial(3, {0.5, 3, 0, 0.2, 0.8});
    run.set_initial(3, {0.5, 3, 0, 0.2, 0.8});
    expect(one.hyperparameters(3)[1] == 3, "an initial value");

    for (bool running = true; running;) {
        running = false;
        for (std::size_t student = 0; student < students; ++student) {
            const hpm::task task = one.next(student);
            if (task.action == hpm::action::stop) continue;
            running = true;
            if (task.action == hpm::action::wait) continue;
            const hpm::result result = bowl(student, task.hyperparameters);
            one.report(student, result.loss, result.hypergradient);
        }
    }
    for (;;) {
        const hpm::tasks tasks = all.next_all();
        if (tasks.actions[0] == hpm::action::stop) break;
        std::vector<double> losses, hypergradients;
        for (std::size_t student = 0; student < students; ++student) {
            const double *row = tasks.hyperparameters.data() + student * dimension;
            const hpm::result result = bowl(student, std::vector<double>(row, row + dimension));
            losses.push_back(result.loss);
            hypergradients.insert(hypergradients.end(), result.hypergradient.begin(),
                                  result.hypergradient.end());
        }
        all.report_all(losses, hypergradients);
    }
    run.run(make_trainer());
    for (std::size_t student = 0; student < students; ++student) {
        expect(one.hyperparameters(student) == all.hyperparameters(student), "arrays differ");
        expect(one.hyperparameters(student) == run.hyperparameters(student), "run differs");
        expect(one.ancestor(student, 1) == all.ancestor(student, 1), "ancestors differ");
    }
    const hpm::best_student best = one.best();
    const hpm::best_point point = one.best_hyperparameters();
    expect(best.loss == point.loss && best.student == all.best().student, "best");
    expect(point.hyperparameters.size() == dimension, "the best point's size");
    expect(one.count("training_reports") == students * reports, "training_reports");
    expect(one.count("clones") > 0, "no clones");
}

void test_snapshot() {
    hpm::population original = make_population();
    for (std::size_t student = 0; student < students; ++student) {
        original.report(student, bowl(student, original.next(student).hyperparameters).loss);
    }
    const std::vector<std::uint8_t> bytes = original.save();
    hpm::population loaded = hpm::population::load(bytes);
    expect(loaded.dimension() == dimension && loaded.save() == bytes, "the same bytes");
    original.run(make_trainer());
    loaded.run(make_trainer());
    expect(original.best().loss == loaded.best().loss, "goes on as the original");
}

void test_teacher() {
    hpm::teacher teacher(2, hpm::options().set("seed", 3).set("teacher_units", 4));
    const std::vector<double> parent = {1, -2}, before = teacher.mutate(parent);
    expect(!teacher.learn(parent, {hpm::none, 0}), "nothing to learn");
    expect(teacher.mutate(parent) == before, "and nothing learned");
    expect(teacher.learn(parent, {1, 1}), "something to learn");
    expect(teacher.mutate(parent) != before, "and it shows");
}

// --- Hypergradients: f(w, h) = sum (1 + h) w^2 / 2 - w, F(w, h) = sum (w - 2)^2 / 2 ---

static_assert(!std::is_copy_constructible_v<hpm::problem>);
static_assert(!std::is_copy_constructible_v<hpm::vectors>);
static_assert(std::is_nothrow_move_constructible_v<hpm::host_problem<double>>);
static_assert(std::is_nothrow_move_assignable_v<hpm::vectors>);

template <class Element>
hpm::host_callbacks<Element> make_callables() {
    using in = hpm::view<const Element>;
    using out = hpm::view<Element>;
    hpm::host_callbacks<Element> callables;
    callables.outer_loss = [](in w, in) {
        double loss = 0;
        for (double value : w) loss += (value - 2) * (value - 2) / 2;
        return loss;
    };
    callables.outer_gradient = [](in w, in, out dw, out) {
        for (std::size_t i = 0; i < w.size(); ++i) dw[i] = w[i] - 2;
    };
    callables.inner_loss = [](in w, in h) {
        double loss = 0;
        for (std::size_t i = 0; i < w.size(); ++i) {
            loss += (1 + static_cast<double>(h[i])) * w[i] * w[i] / 2 - w[i];
        }
        return loss;
    };
    callables.inner_gradient = [](in w, in h, out result) {
        for (std::size_t i = 0; i < w.size(); ++i) result[i] = (1 + h[i]) * w[i] - 1;
    };
    callables.inner_hyper_gradient = [](in w, in, out result) {
        for (std::size_t i = 0; i < w.size(); ++i) result[i] = w[i] * w[i] / 2;
    };
    callables.hessian_product = [](in, in h, in v, out result) {
        for (std::size_t i = 0; i < v.size(); ++i) result[i] = (1 + h[i]) * v[i];
    };
    callables.cross_product = [](in w, in, in v, out result) {
        for (std::size_t i = 0; i < v.size(); ++i) result[i] = w[i] * v[i];
    };
    callables.step = [](std::size_t, in w, in h, out result) {
        for (std::size_t i = 0; i < w.size(); ++i) {
            result[i] = w[i] - Element(0.5) * ((1 + h[i]) * w[i] - 1);
        }
    };
    callables.step_forward = [](std::size_t, in w, in h, in dw, in dh, out result) {
        for (std::size_t i = 0; i < w.size(); ++i) {
            result[i] = dw[i] - Element(0.5) * ((1 + h[i]) * dw[i] + w[i] * dh[i]);
        }
    };
    callables.step_backward = [](std::size_t, in w, in h, in v, out dw, out dh) {
        for (std::size_t i = 0; i < w.size(); ++i) {
            dw[i] = v[i] - Element(0.5) * (1 + h[i]) * v[i];
            dh[i] = -Element(0.5) * w[i] * v[i];
        }
    };
    callables.response = [](in h) {
        double loss = 0;
        for (double value : h) loss += (1 / (1 + value) - 2) * (1 / (1 + value) - 2) / 2;
        return loss;
    };
    return callables;
}

template <class Element>
void test_hypergradient(double tolerance) {
    const std::vector<Element> h = {Element(0.1), Element(0.5), Element(0.9)};
    std::vector<Element> w, result;
    std::vector<double> wanted;
    for (double value : h) {
        const double minimum = 1 / (1 + value);
        w.push_back(static_cast<Element>(minimum));
        wanted.push_back(-minimum * (minimum - 2) / (1 + value));
    }
    const hpm::host_problem<Element> problem(3, 3, make_callables<Element>());
    hpm::options options;
    options.set("estimator_learning_rate", 0.5).set("estimator_iterations", 60);
    options.set("estimator_step", 1e-2).set("difference_step", 1e-3);
    for (const char *estimator : {"conjugate-gradient", "neumann", "reverse", "forward",
                                  "finite-differences"}) {
        options.set("estimator", estimator);
        const hpm::certificate certificate = problem.hypergradient(w, h, result, options);
        expect(certificate.is_usable() && certificate.seconds > 0 && certificate.iterations > 0,
               "%s: certificate", estimator);
        expect(result.size() == 3, "%s: %d components", estimator, static_cast<int>(result.size()));
        for (std::size_t i = 0; i < 3; ++i) {
            expect(std::abs(static_cast<double>(result[i]) - wanted[i]) < tolerance,
                   "%s: %g, not %g", estimator, static_cast<double>(result[i]), wanted[i]);
        }
    }
    expect(problem.hypergradient(w, h, result).hessian_products > 0, "defaults");
    // The counts are those of the calls; a product by differences counts as its gradients.
    std::uint64_t outer = 0, inner_hyper = 0, hessian = 0;
    const hpm::host_callbacks<Element> whole = make_callables<Element>();
    hpm::host_callbacks<Element> counting = whole;
    counting.cross_product = nullptr;
    counting.outer_gradient = [&](auto w_of, auto h_of, auto dw, auto dh) {
        ++outer;
        whole.outer_gradient(w_of, h_of, dw, dh);
    };
    counting.inner_hyper_gradient = [&](auto w_of, auto h_of, auto out) {
        ++inner_hyper;
        whole.inner_hyper_gradient(w_of, h_of, out);
    };
    counting.hessian_product = [&](auto w_of, auto h_of, auto v, auto out) {
        ++hessian;
        whole.hessian_product(w_of, h_of, v, out);
    };
    const hpm::certificate counted =
        hpm::host_problem<Element>(3, 3, counting).hypergradient(w, h, result);
    expect(outer > 0 && inner_hyper > 0 && hessian > 0 && counted.outer_gradients == outer &&
               counted.inner_hyper_gradients == inner_hyper &&
               counted.hessian_products == hessian && counted.inner_gradients == 0 &&
               counted.cross_products == 0 && counted.losses == 0 && counted.steps == 0,
           "%d outer gradients, %d inner hyper-gradients, %d products", static_cast<int>(outer),
           static_cast<int>(inner_hyper), static_cast<int>(hessian));

    const std::vector<Element> place = {Element(0.3), Element(-0.8), Element(1.2)};
    options.set("check_tolerance", tolerance < 1e-3 ? 1e-4 : 1e-2);
    hpm::check_result check = problem.check(place, h, options);
    expect(check.is_right, "%s", check.lines.c_str());
    for (const char *name : {"outer_gradient", "inner_gradient", "inner_hyper_gradient",
                             "hessian_product", "cross_product", "step_forward",
                             "step_backward"}) {
        const std::string words = std::string(name) + " is right";
        expect(check.lines.find(words) != std::string::npos, "%s", check.lines.c_str());
    }
    std::string lines;
    for (const hpm::finding &found : check.findings) {
        lines += (lines.empty() ? "" : "\n") + found.sentence;
        expect(!found.is_fault(), "%s", found.sentence.c_str());
        if (found.verdict == hpm::finding_verdict::right) {
            expect(found.error <= found.tolerance, "%s", found.sentence.c_str());
        }
    }
    expect(!lines.empty() && lines == check.lines, "'%s', not '%s'", lines.c_str(),
           check.lines.c_str());
    hpm::host_callbacks<Element> wrong = make_callables<Element>();
    wrong.cross_product = [](auto w, auto, auto v, auto out) {
        for (std::size_t i = 0; i < v.size(); ++i) out[i] = -w[i] * v[i];
    };
    check = hpm::host_problem<Element>(3, 3, wrong).check(place, h, options);
    expect(!check.is_right && check.lines.find("cross_product is wrong") != std::string::npos,
           "%s", check.lines.c_str());
    for (const hpm::finding &found : check.findings) {
        expect(found.is_fault() == (found.callback == "cross_product"), "%s",
               found.sentence.c_str());
        if (!found.is_fault()) continue;
        expect(found.verdict == hpm::finding_verdict::wrong && found.other == "inner_gradient" &&
                   found.reason == hpm::finding_reason::comparison && found.error > found.tolerance,
               "%s", found.sentence.c_str());
    }
}

void test_problems_that_fail() {
    const std::vector<double> w = {1, 1}, h = {0.5, 0.5};
    std::vector<double> result;
    hpm::host_callbacks<double> callables = make_callables<double>();
    hpm::host_problem<double> problem(2, 2, callables);
    expect_throw<hpm::argument_error>("w too short",
                                      [&] { problem.hypergradient({1}, h, result); });
    expect_throw<hpm::argument_error>("h too long", [&] { problem.check(w, {1, 2, 3}); });
    expect_throw<hpm::argument_error>("no components", [&] {
        hpm::host_problem<double>(0, 2, callables);
    });
    expect_throw<hpm::memory_error>("2^60 components", [] {
        hpm::vectors(hpm::element::float32, std::size_t(1) << 60);
    });
    expect_throw<hpm::argument_error>("operations without any", [] {
        hpm_vector_operations operations = {};
        operations.size = sizeof operations;
        hpm::vectors(operations, nullptr, 3);
    });

    // No exception, and never a silent zero.
    callables.hessian_product = [](auto, auto, auto, auto result) { result[0] = hpm::none; };
    hpm::certificate certificate =
        hpm::host_problem<double>(2, 2, callables).hypergradient(w, h, result);
    expect(!certificate.is_usable() && certificate.status == hpm::certificate_status::nonfinite &&
               std::isnan(result[0]) && std::isnan(result[1]), "NaN in a product");
    callables.hessian_product = [](auto, auto, auto v, auto result) {
        for (std::size_t i = 0; i < v.size(); ++i) result[i] = -v[i];
    };
    certificate = hpm::host_problem<double>(2, 2, callables).hypergradient(w, h, result);
    expect(certificate.status == hpm::certificate_status::indefinite &&
               certificate.smallest_curvature == -1, "a maximum");

    // What is missing is named.
    callables.cross_product = nullptr;
    callables.inner_hyper_gradient = nullptr;
    try {
        hpm::host_problem<double>(2, 2, callables)
            .hypergradient(w, h, result, hpm::options().set("estimator", "one-step"));
        expect(false, "without cross_product");
    } catch (const hpm::unsupported_error &error) {
        expect(std::strstr(error.what(), "cross_product") != nullptr, "%s", error.what());
    }

    // Exceptions come back as themselves, from each callable, whatever they are.
    int calls = 0, thrown_at = 0;
    const auto count = [&] {
        if (++calls == thrown_at) throw odd_exception();
    };
    const hpm::host_callbacks<double> good = make_callables<double>();
    callables = good;
    callables.outer_gradient = [&](auto w, auto h, auto dw, auto dh) {
        count();
        good.outer_gradient(w, h, dw, dh);
    };
    callables.hessian_product = [&](auto w, auto h, auto v, auto result) {
        count();
        good.hessian_product(w, h, v, result);
    };
    callables.cross_product = [&](auto w, auto h, auto v, auto result) {
        count();
        good.cross_product(w, h, v, result);
    };
    problem = hpm::host_problem<double>(2, 2, callables);
    problem.hypergradient(w, h, result);
    const int all_calls = calls;
    for (thrown_at = 1; thrown_at <= all_calls; ++thrown_at) {
        calls = 0;
        try {
            problem.hypergradient(w, h, result);
            expect(false, "the exception of call %d is lost", thrown_at);
        } catch (const odd_exception &exception) {
            expect(*exception.value == 42 && calls == thrown_at, "%d calls", calls);
        }
    }
    calls = 0;
    thrown_at = 2;
    expect_throw<std::out_of_range>("from a check", [&] {
        callables.inner_loss = [](auto, auto) -> double { throw std::out_of_range("from a loss"); };
        hpm::host_problem<double>(2, 2, callables).check(w, h);
    });
    thrown_at = 0;
    expect(problem.hypergradient(w, h, result).is_usable(), "and then a good one");

    // A status of a C callback is no exception of a callable's.
    hpm_problem_callbacks plain = {};
    plain.size = sizeof plain;
    plain.outer_gradient = [](void *, const void *, const void *, void *, void *) {
        return std::int32_t(-5);
    };
    plain.hessian_product = plain.cross_product =
        [](void *, const void *, const void *, const void *, void *) { return std::int32_t(0); };
    const hpm::vectors vectors(hpm::element::float64, 2);
    const hpm::problem c_problem(vectors, vectors, plain, nullptr);
    try {
        c_problem.hypergradient(w.data(), h.data(), result.data());
        expect(false, "the status is lost");
    } catch (const hpm::error &error) {
        expect(error.status() == HPM_ERROR_CALLBACK && hpm_last_callback_status() == -5, "%s",
               error.what());
    }

    // Inside a callable: another estimate, which fails, and the problem that goes.
    hpm::host_callbacks<double> inside = good;
    std::unique_ptr<hpm::host_problem<double>> owner;
    inside.cross_product = [&](auto w_of, auto h_of, auto v, auto out) {
        thrown_at = 1;
        calls = 0;
        std::vector<double> another;
        expect_throw_odd([&] { problem.hypergradient(w, h, another); });
        if (owner) owner.reset();
        good.cross_product(w_of, h_of, v, out);
    };
    owner = std::make_unique<hpm::host_problem<double>>(2, 2, inside);
    expect(owner->hypergradient(w, h, result).is_usable() && !owner, "calls inside");
    hpm::host_problem<double> moved = std::move(problem);
    expect_throw<hpm::handle_error>("a problem that was moved from",
                                    [&] { problem.hypergradient(w, h, result); });
    expect(!moved.hypergradient(w, h, result, hpm::options().set("estimator", "neumann")
                                                  .set("estimator_learning_rate", 9))
                .is_usable(), "moved");
}

void test_problems_of_students() {
    struct models {
        std::vector<std::vector<double>> w = std::vector<std::vector<double>>(
            students, std::vector<double>(2));
        std::vector<std::vector<double>> told;

        double train(std::size_t student, const std::vector<double> &h) {
            told.push_back(h);
            double loss = 0;
            for (std::size_t i = 0; i < 2; ++i) {
                double &value = w[student][i];
                for (int k = 0; k < 3; ++k) value -= 0.3 * ((1 + h[i]) * value - 1);
                loss += (value - 0.8) * (value - 0.8) / 2;
            }
            return loss;
        }
    };
    const auto make = [] {
        hpm::space space;
        space.add_block("penalties", 2, 0.01, 10, hpm::scale::log);
        return hpm::population(space, hpm::options().set("population", students).set("steps", 8)
                                          .set("interval", 2).set("truncation", 0.4));
    };
    hpm::host_callbacks<double> callables = make_callables<double>();
    callables.outer_gradient = [](auto w, auto, auto dw, auto) {
        for (std::size_t i = 0; i < w.size(); ++i) dw[i] = w[i] - 0.8;
    };

    // By hand, and by registered problems whose owners are gone.
    models by_hand, by_run;
    hpm::population hand = make(), run = make();
    const hpm::host_problem<double> problem(2, 2, callables);
    hpm::trainer trainer;
    trainer.clone = [&](std::size_t source, std::size_t student) {
        by_hand.w[student] = by_hand.w[source];
    };
    trainer.train = [&](std::size_t student, const std::vector<double> &h) {
        hpm::result result = by_hand.train(student, h);
        problem.hypergradient(by_hand.w[student], h, result.hypergradient);
        return result;
    };
    expect(hand.run(trainer), "by hand");
    const auto living = std::make_shared<int>(1);
    {
        callables.inner_loss = [living](auto, auto) { return 0.0; };
        const hpm::host_problem<double> scoped(2, 2, callables);
        callables.inner_loss = nullptr;
        for (std::size_t k = 0; k < students; ++k) run.set_problem(k, scoped, by_run.w[k]);
        expect_throw<hpm::no_result_error>("no certificate yet", [&] { run.certificate(0); });
    }
    expect(living.use_count() == 2, "the population keeps the callables");
    trainer.clone = [&](std::size_t source, std::size_t student) {
        by_run.w[student] = by_run.w[source];
    };
    trainer.train = [&](std::size_t student, const std::vector<double> &h) {
        return by_run.train(student, h);
    };
    hpm::population moved = std::move(run);
    expect(moved.run(trainer), "by the run");
    expect(by_hand.told == by_run.told && by_hand.w == by_run.w, "the trajectories differ");
    expect(moved.count("hypergradient_reports") == students * 8 &&
               moved.count("hypergradient_cost") > 0, "counters");
    expect(moved.certificate(4).is_usable() && moved.certificate(4).hessian_products > 0,
           "a certificate");
    expect_throw<hpm::handle_error>("a population that was moved from",
                                    [&] { run.run(trainer); });
    expect_throw<hpm::handle_error>("nor takes it a problem",
                                    [&] { run.set_problem(0, problem, by_run.w[0]); });
    for (std::size_t k = 0; k < students; ++k) moved.clear_problem(k);
    expect(living.use_count() == 1, "callables that are no longer needed");

    // Refused.
    hpm::population population = make();
    expect_throw<hpm::argument_error>("another dimension", [&] {
        population.set_problem(0, hpm::host_problem<double>(2, 3, callables), by_run.w[0]);
    });
    expect_throw<hpm::argument_error>("w of another size", [&] {
        population.set_problem(0, problem, std::vector<double>(3));
    });
    expect_throw<hpm::argument_error>("a student too many", [&] {
        population.set_problem(students, problem, by_run.w[0]);
    });

    // An exception of a problem's callable ends the run as itself; the next one goes on.
    int calls = 0;
    callables.cross_product = [&](auto w, auto, auto v, auto result) {
        if (++calls == 7) throw odd_exception();
        for (std::size_t i = 0; i < v.size(); ++i) result[i] = w[i] * v[i];
    };
    {
        const hpm::host_problem<double> scoped(2, 2, callables);
        for (std::size_t k = 0; k < students; ++k) population.set_problem(k, scoped, by_run.w[k]);
    }
    expect_throw_odd([&] { population.run(trainer); });
    expect(population.run(trainer), "goes on");
    expect(population.count("hypergradient_reports") == students * 8, "all hypergradients");

    // Replaced inside callables, also by its own.
    hpm::population changing = make();
    callables = make_callables<double>();
    callables.hessian_product = [&](auto, auto h, auto v, auto result) {
        for (std::size_t k = 0; k < students; ++k) changing.set_problem(k, problem, by_run.w[k]);
        for (std::size_t i = 0; i < v.size(); ++i) result[i] = (1 + h[i]) * v[i];
    };
    changing.set_problem(0, hpm::host_problem<double>(2, 2, callables), by_run.w[0]);
    expect(changing.run(trainer), "replaced inside");
    expect(changing.count("hypergradient_reports") > 0, "hypergradients");
}

// --- Tickets, membership, logs and observers ---

hpm::options asynchronous(std::size_t steps = reports) {
    return hpm::options()
        .set("population", students)
        .set("steps", steps)
        .set("interval", 2)
        .set("schedule", "asynchronous");
}

/// The students in turn, until all are done.
void drive(hpm::population &population) {
    for (std::size_t done = 0; done < population.size();) {
        done = 0;
        for (std::size_t k = 0; k < population.size(); ++k) {
            const hpm::ticketed_task task = population.next_ticket(k);
            if (task.ticket == 0) {
                ++done;
                continue;
            }
            const hpm::result result = bowl(k, task.hyperparameters);
            expect(population.report_ticket(k, task.ticket, result.loss, result.hypergradient),
                   "the first report of a ticket is stale");
        }
    }
}

void test_names_and_options() {
    const std::vector<std::string> algorithms = hpm::algorithm_names(), keys = hpm::option_names();
    expect(algorithms.size() == 13 && algorithms[0] == "hpm", "%zu algorithms", algorithms.size());
    hpm::population population = make_population("pbt");
    for (const std::string &key : keys) {
        const std::string value = population.option(key);
        expect(!value.empty(), "%s has no value", key.c_str());
        hpm::options().set(key, value);
    }
    expect(population.option("algorithm") == "pbt" && population.option("interval") == "2" &&
               hpm::population::load(population.save()).option("interval") == "2",
           "options");
    expect_throw<hpm::argument_error>("an unknown key", [&] { population.option("unknown"); });
    expect_throw<hpm::argument_error>("a NUL", [&] { population.option({"a\0b", 3}); });
    const std::vector<hpm::action> wanted = {hpm::action::train, hpm::action::clone};
    expect(population.actions() == wanted, "the actions of pbt");

    // make_population sets `trial`, which pbt does not read.
    expect(population.warning().find("trial") != std::string::npos, "%s",
           population.warning().c_str());
    const hpm::population moved = std::move(population);
    expect(!moved.warning().empty(), "the warning moves along");
    const hpm::population silent(make_space(), hpm::options().set("steps", 60));
    expect(silent.warning().empty(), "%s", silent.warning().c_str());

    // Offered as an exception, too.
    const hpm::population strict(make_space(), hpm::options().set("steps", 60), hpm::strict);
    expect(strict.warning().empty() && strict.size() == 8, "strict, with nothing to be warned of");
    try {
        hpm::population(make_space(), hpm::options().set("algorithm", "pbt").set("trial", 2),
                        hpm::strict);
        expect(false, "strict, with an option that is not read");
    } catch (const hpm::warning_error &error) {
        expect(error.status() == HPM_WARNING && std::string(error.what()).find("trial") !=
                                                    std::string::npos,
               "%s", error.what());
    }
}

void test_tickets_and_membership() {
    hpm::population population(make_space(), asynchronous());
    hpm::ticketed_task task = population.next_ticket(1);
    expect(task.action == hpm::action::train && task.ticket > 0 &&
               task.hyperparameters.size() == dimension &&
               population.next_ticket(1).ticket == task.ticket,
           "a ticket");
    expect_throw<hpm::argument_error>("a ticket that was never given",
                                      [&] { population.report_ticket(1, task.ticket + 1000, 1); });
    expect(population.report_ticket(1, task.ticket, 1), "a report");
    const std::vector<std::uint8_t> once = population.save();
    expect(!population.report_ticket(1, task.ticket, 2) && population.save() == once,
           "a doubled report");
    expect(population.reports(1) == 1 && population.age(1) == 1 && population.ancestor(1, 1) == 1 &&
               population.ancestor_report(1, 1) == 1,
           "one report");

    task = population.next_ticket(1);
    population.release(1);
    const hpm::ticketed_task again = population.next_ticket(1);
    expect(again.ticket != task.ticket && again.hyperparameters == task.hyperparameters,
           "the task of a lost worker");
    expect(!population.report_ticket(1, task.ticket, 3), "its report comes late");
    expect_throw<hpm::order_error>("no task is out", [&] { population.release(2); });

    population.retire(1);
    expect(population.next_ticket(1).action == hpm::action::stop &&
               !population.report_ticket(1, again.ticket, 3),
           "a retired student");
    expect_throw<hpm::order_error>("retired before", [&] { population.retire(1); });
    population.grow(2);
    expect(population.size() == students + 2, "two more");
    expect_throw<hpm::argument_error>("none more", [&] { population.grow(0); });
    for (int i = 0; i < 3; ++i) {
        task = population.next_ticket(0);
        population.report_ticket(0, task.ticket, 1);
    }
    population.grow(1, hpm::origin::clone);
    expect(population.next_ticket(students + 2).action == hpm::action::clone, "a clone joins");
    drive(population);
    expect_throw<hpm::argument_error>("fewer steps", [&] { population.set_steps(1); });
    population.set_steps(reports + 4);
    drive(population);
    expect(population.reports(0) == reports + 4, "%zu reports", population.reports(0));
}

void test_blends() {
    // Two reports each; then the last one becomes a clone of the first.
    hpm::population population(make_space(), hpm::options()
                                                 .set("population", 3)
                                                 .set("interval", 2)
                                                 .set("truncation", 0.4)
                                                 .set("algorithm", "pbt"));
    expect_throw<hpm::no_result_error>("before any loss", [&] { population.blend(); });
    for (int round = 0; round < 2; round += 1) {
        population.next_all();
        population.report_all({1, 2, 3});
    }
    expect(population.next(2).action == hpm::action::clone, "a clone");
    population.report(2, 0);
    population.next_all();
    population.report_all({2, 3, 1});

    std::vector<hpm::blended_student> asked;
    const auto blended = [&](double loss) {
        return population.blend([&](const std::vector<hpm::blended_student> &blend) {
            asked = blend;
            expect(population.best().student == 2, "best inside");
            return loss;
        });
    };
    const std::vector<hpm::blended_student> better = blended(0.5), worse = blended(1.5);
    expect(asked.size() == 2 && asked[0].student == 2 && asked[1].student == 0, "who is judged");
    expect(better.size() == 2 && better[1].student == 0 && better[1].share == 0.5, "a mean");
    expect(worse.size() == 1 && worse[0].student == 2 && worse[0].share == 1, "the best alone");
    expect(population.blend().size() == 2, "without a judge");
    try {
        population.blend([](const std::vector<hpm::blended_student> &) -> double { throw 42; });
        expect(false, "nothing was thrown");
    } catch (int thrown) {
        expect(thrown == 42, "another exception");
    }
}

void test_logs() {
    hpm::population population(make_space(), asynchronous());
    std::vector<std::uint8_t> log;
    std::size_t last = 0;
    population.log([&](const std::uint8_t *bytes, std::size_t length) {
        log.insert(log.end(), bytes, bytes + length);
        last = length;
    });
    drive(population);
    hpm::population again(make_space(), asynchronous());
    expect(again.replay(log) == log.size() && again.save() == population.save(), "a replay");
    expect(again.replay(std::vector<std::uint8_t>()) == 0, "an empty log");
    hpm::population partly(make_space(), asynchronous());
    expect(partly.replay(log.data(), log.size() - 1) == log.size() - last, "an input cut short");
    log[log.size() / 2] ^= 1;
    hpm::population damaged(make_space(), asynchronous());
    const std::vector<std::uint8_t> before = damaged.save();
    expect_throw<hpm::snapshot_error>("a damaged log", [&] { damaged.replay(log); });
    expect(damaged.save() == before, "a damaged log changed the state");

    // An exception refuses the input and comes back as itself; then there is no log.
    damaged.log([](const std::uint8_t *, std::size_t) { throw odd_exception(); });
    expect_throw_odd([&] { damaged.next(0); });
    expect(damaged.save() == before, "a refused task changed the state");
    expect_throw_odd([&] { damaged.set_initial(0, {0.5, 3, 0, 0.2, 0.8}); });
    damaged.log(nullptr);
    damaged.next(0);
    hpm::population taken = std::move(damaged);
    expect_throw<hpm::handle_error>("a population that was moved from",
                                    [&] { damaged.log([](const std::uint8_t *, std::size_t) {}); });
    expect_throw<hpm::handle_error>("nor replays it", [&] { damaged.replay(log); });
}

void test_runs() {
    char folder[] = "/tmp/hpm-wrapper-XXXXXX";
    if (!mkdtemp(folder)) return;
    const std::string file = std::string(folder) + "/run.db";
    const hpm::options options =
        std::move(hpm::options().set("population", 2).set("steps", 3).set("algorithm", "pbt"));
    {
        hpm::population population = hpm::population::open(file, make_space(), options);
        population.set_durability(hpm::durability::none);
        population.log_metric(1, "accuracy", 0.5);
        expect_throw<hpm::storage_error>("a second population of a file",
                                         [&] { hpm::population::open(file); });
    }
    expect_throw<hpm::argument_error>("another space", [&] {
        hpm::space other;
        hpm::population::open(file, other.add_real("x", 0, 1));
    });
    hpm::population population = hpm::population::open(
        file, make_space(), hpm::options().set("steps", 4).set("population", 2),
        hpm::override_kind::steps | hpm::override_kind::population);
    population.run({bowl, nullptr, [](std::size_t, std::size_t) {}, nullptr});
    const std::vector<hpm::training> history = population.history();
    expect(history.size() == 8 && history[0].report == 1, "%zu reports", history.size());
    const std::size_t best = population.best().student;
    const hpm::schedule schedule = population.schedule(best);
    const hpm::schedule loaded = hpm::schedule::load(schedule.save());
    expect(loaded.length() == population.age(best), "%zu steps", loaded.length());
    expect(loaded.at(3).hyperparameters == schedule.at(3).hyperparameters &&
               loaded.at(3).loss == population.best().loss,
           "the last step is not the best student's report");
    expect_throw<hpm::argument_error>("step 4", [&] { loaded.at(4); });
    expect_throw<hpm::unsupported_error>("no file", [] { make_population().history(); });
    for (const char *suffix : {"", "-wal", "-shm", "-writer"}) {
        std::remove((file + suffix).c_str());
    }
    rmdir(folder);
}

void test_observers() {
    hpm::population population(make_space(), asynchronous(20));
    std::map<hpm::event_kind, int> seen;
    int losses = 0;
    bool places = true;
    population.observe([&](const hpm::event &event) {
        ++seen[event.kind];
        places = places && event.student < students && event.source < students &&
                 event.from.size() == event.indices.size() && event.to.size() == event.from.size();
        for (std::size_t i = 0; i < event.from.size(); ++i) {
            places = places && event.indices[i] < dimension && event.from[i] != event.to[i];
        }
        if (event.kind == hpm::event_kind::moved || event.kind == hpm::event_kind::mutated) {
            places = places && !event.part.empty() && event.indices.size() > 0;
        }
        // Reading is allowed, changing is not.
        places = places && population.size() == students;
        if (seen[event.kind] == 1) {
            expect_throw<hpm::busy_error>("next inside", [&] { population.next(0); });
        }
    });
    const auto living = std::make_shared<int>(1);
    const std::size_t number = population.observe(
        [&, living](const hpm::event &event) { losses += std::isfinite(event.loss); },
        hpm::event_kind::trained | hpm::event_kind::evaluated);
    hpm::population moved = std::move(population);
    population = std::move(moved);
    drive(population);
    expect(places, "places and parts of events");
    expect(seen[hpm::event_kind::trained] == population.count("training_reports"), "trained");
    expect(seen[hpm::event_kind::evaluated] == population.count("teacher_reports"), "evaluated");
    expect(seen[hpm::event_kind::cloned] > 0 &&
               seen[hpm::event_kind::cloned] >= population.count("clone_reports"),
           "cloned");
    expect(seen[hpm::event_kind::stopped] == static_cast<int>(students), "%d stopped",
           seen[hpm::event_kind::stopped]);
    expect(losses == seen[hpm::event_kind::trained] + seen[hpm::event_kind::evaluated], "losses");
    expect(living.use_count() == 2, "an observer lives");
    population.unobserve(number);
    expect(living.use_count() == 1, "an observer that ended");
    expect_throw<hpm::argument_error>("ended before", [&] { population.unobserve(number); });
    expect_throw<hpm::argument_error>("no function", [&] { population.observe(nullptr); });

    // An exception comes back as itself; the call has succeeded.
    hpm::population other(make_space(), asynchronous());
    other.observe([](const hpm::event &) { throw odd_exception(); }, hpm::event_kind::trained);
    other.next(0);
    expect_throw_odd([&] { other.report(0, 1); });
    expect(other.reports(0) == 1, "the report");
    expect_throw_odd([&] { other.run(make_trainer()); });

    // An observer may end itself, and what it holds with it.
    hpm::population ending(make_space(), asynchronous());
    std::size_t own = 0;
    int calls = 0;
    own = ending.observe([&, living](const hpm::event &) {
        ++calls;
        ending.unobserve(own);
    });
    ending.run(make_trainer());
    expect(calls == 1 && living.use_count() == 1, "%d calls", calls);
    hpm::population taken = std::move(ending);
    expect_throw<hpm::handle_error>("a population that was moved from",
                                    [&] { ending.observe([](const hpm::event &) {}); });
    expect_throw<hpm::handle_error>("nor ends an observer", [&] { ending.unobserve(0); });
}

void test_destroying_under_run() {
    // The owner goes while another thread runs: the population outlives it, nothing crashes.
    auto population = std::make_unique<hpm::population>(make_population());
    hpm_population *handle = population->get();
    int calls = 0;
    hpm::trainer trainer = make_trainer();
    trainer.train = [&](std::size_t student, const std::vector<double> &h) {
        if (++calls == 1) std::thread([&] { population.reset(); }).join();
        return bowl(student, h);
    };
    population->run(trainer);
    expect(calls == static_cast<int>(students * reports), "%d calls", calls);
    expect(hpm_population_destroy(handle) == HPM_OK, "it is the caller's then");
}

/// Objects that go inside their own callbacks: the call ends as it would have, and nobody is called
/// whose function is gone.
void test_destroying_inside_callbacks() {
    const auto living = std::make_shared<int>(1);
    const auto with_listeners = [&](std::unique_ptr<hpm::population> &owner, int &events,
                                    int &inputs) {
        owner = std::make_unique<hpm::population>(make_space(), asynchronous());
        hpm_population *handle = owner->get();
        owner->observe([&, living](const hpm::event &) {
            if (++events == 1) owner.reset();
        });
        owner->observe([&, living](const hpm::event &) { ++events; });
        owner->log([&, living](const std::uint8_t *, std::size_t) { ++inputs; });
        return handle;
    };
    std::unique_ptr<hpm::population> owner;
    int events = 0, inputs = 0;
    hpm_population *handle = with_listeners(owner, events, inputs);
    owner->stop();
    expect(!owner && events == 2 * static_cast<int>(students) && inputs == 1,
           "stop: %d events, %d inputs", events, inputs);
    expect(hpm_population_grow(handle, 1, HPM_ORIGIN_DRAWN) == HPM_OK && inputs == 2,
           "its log goes on");
    expect(hpm_population_destroy(handle) == HPM_OK, "it is the caller's then");

    events = inputs = 0;
    handle = with_listeners(owner, events, inputs);
    expect(owner->run(make_trainer()), "a run whose owner goes");
    expect(!owner && events > 2 && inputs > 2, "run: %d events, %d inputs", events, inputs);
    expect(hpm_population_destroy(handle) == HPM_OK, "it is the caller's then, too");

    // Inside its log, and by an assignment.
    owner = std::make_unique<hpm::population>(make_space(), asynchronous());
    handle = owner->get();
    owner->log([&, living](const std::uint8_t *, std::size_t) {
        inputs = -1;
        if (owner) *owner = hpm::population(make_space(), asynchronous());
    });
    const hpm::task task = owner->next(0);
    expect(task.action == hpm::action::train && inputs == -1 && owner->get() != handle,
           "an assignment inside a log");
    expect(owner->reports(0) == 0 && owner->next(1).action == hpm::action::train,
           "the one that was assigned");
    expect(hpm_population_destroy(handle) == HPM_OK, "the other one is the caller's");

    // While another thread is in an observer, the owner waits for it.
    owner = std::make_unique<hpm::population>(make_space(), asynchronous());
    std::atomic<bool> inside(false), over(false);
    const auto alone = std::make_shared<int>(1);
    owner->observe([&, alone](const hpm::event &) {
        inside = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        over = *alone == 1;
    });
    owner->next(0);
    hpm::population &population = *owner;
    std::thread other([&] { population.report(0, 1); });
    while (!inside) std::this_thread::yield();
    owner.reset();
    expect(over && alone.use_count() == 1, "destroyed while an observer was called");
    other.join();
}

} // namespace

int main() {
    expect(hpm::version() == HPM_VERSION, "%s", hpm::version().c_str());
    test_ownership();
    test_errors();
    test_exceptions_of_callables();
    test_run();
    test_space();
    test_loop_and_arrays();
    test_snapshot();
    test_teacher();
    test_hypergradient<double>(1e-4);
    test_hypergradient<float>(1e-2);
    test_problems_that_fail();
    test_problems_of_students();
    test_names_and_options();
    test_tickets_and_membership();
    test_blends();
    test_logs();
    test_runs();
    test_observers();
    test_destroying_under_run();
    test_destroying_inside_callbacks();
    return finish();
}
