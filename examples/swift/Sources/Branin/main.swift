// The least value of Branin's function, which is 0.397887 at three points, found with its gradient
// by 20 students in 1,000 calls.
//
// A function has no weights, so there is nothing to copy when a student becomes a clone: the loop
// is the one of a training program without the training.
import Foundation
import HPM

func branin(_ point: [Double]) -> (value: Double, gradient: [Double]) {
    let a = 5.1 / (4 * Double.pi * .pi), b = 5 / Double.pi, c = 10 * (1 - 1 / (8 * Double.pi))
    let (x, y) = (point[0], point[1])
    let residual = y - a * x * x + b * x - 6
    return (
        residual * residual + c * cos(x) + 10,
        [2 * residual * (b - 2 * a * x) - c * sin(x), 2 * residual]
    )
}

let least = 0.39788735772973816
let tolerance = 0.05

var space = SearchSpace()
try space.addReal("x", low: -5, high: 10)
try space.addReal("y", low: 0, high: 15)

let (students, steps) = (20, 50)
var options = Options()
options.population = students
options.steps = steps

var population = try Population(space: space, options: options)
var calls = 0
var isRunning = true
while isRunning {
    isRunning = false
    for student in 0..<population.size {
        let task = population.next(student)
        if task.action == .stop { continue }
        isRunning = true
        switch task.action {
        case .train:
            let (value, gradient) = branin(task.hyperparameters)
            calls += 1
            try population.report(student, loss: value, hypergradient: gradient)
        case .clone:
            try population.report(student)
        default:
            break  // .wait: the others report first.
        }
    }
}

let (point, value) = try population.bestHyperparameters()
print("best value \(value) at \(point) after \(calls) calls; the least is \(least)")
let isGood = calls == students * steps && abs(value - least) < tolerance
print("\(isGood ? "passed" : "FAILED"): within \(tolerance) of the least")
exit(isGood ? 0 : 1)
