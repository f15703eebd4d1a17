// The least value of Branin's function, which is 0.397887 at three points, found with its gradient
// by 20 students in 1,000 calls.
//
// A function has no weights, so there is nothing to copy when a student becomes a clone: the loop
// is the one of a training program without the training.
#include <hpm.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

namespace {

constexpr std::size_t students = 20;
constexpr std::size_t reports = 50;
constexpr double least = 0.39788735772973816;
constexpr double tolerance = 0.05;

hpm::result branin(const std::vector<double> &point) {
    const double pi = std::acos(-1.0);
    const double a = 5.1 / (4 * pi * pi), b = 5 / pi, c = 10 * (1 - 1 / (8 * pi));
    const double x = point[0], residual = point[1] - a * x * x + b * x - 6;
    return {residual * residual + c * std::cos(x) + 10,
            {2 * residual * (b - 2 * a * x) - c * std::sin(x), 2 * residual}};
}

int tune() {
    hpm::space space;
    space.add_real("x", -5, 10).add_real("y", 0, 15);
    hpm::population population(
        space, hpm::options().set("population", students).set("steps", reports).set("seed", 0));

    std::size_t calls = 0;
    for (bool running = true; running;) {
        running = false;
        for (std::size_t student = 0; student < students; ++student) {
            const hpm::task task = population.next(student);
            if (task.action == hpm::action::stop) continue;
            running = true;
            if (task.action == hpm::action::train) {
                const hpm::result outcome = branin(task.hyperparameters);
                ++calls;
                population.report(student, outcome.loss, outcome.hypergradient);
            } else if (task.action == hpm::action::clone) {
                population.report(student, 0);
            }
            // hpm::action::wait: the others report first.
        }
    }

    const hpm::best_point best = population.best_hyperparameters();
    std::printf("best value %.6f at (%.4f, %.4f) after %zu calls; the least is %.6f\n", best.loss,
                best.hyperparameters[0], best.hyperparameters[1], calls, least);
    const bool good = calls == students * reports && std::fabs(best.loss - least) < tolerance;
    std::printf("%s: within %g of the least\n", good ? "passed" : "FAILED", tolerance);
    return good ? 0 : 1;
}

} // namespace

int main() {
    try {
        return tune();
    } catch (const hpm::error &error) {
        std::fprintf(stderr, "%s: %s\n", hpm_status_name(error.status()), error.what());
        return 2;
    }
}
