// hpm.hpp: ownership, exceptions by type, exceptions of callables as themselves, and that every
// function reaches its C counterpart.
#include <hpm.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>
#include <type_traits>

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
    expect(space.dimension() == dimension && space.parameters() == 4, "sizes");
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
    test_destroying_under_run();
    return finish();
}
