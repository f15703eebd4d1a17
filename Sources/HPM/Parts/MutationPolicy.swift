/// The mutation of `reinforced`: a policy of each parameter from which the mutation of a clone is drawn,
/// trained by a score function (REINFORCE), so that it needs no derivatives and takes choices.
///
///     real, integer:  u' = u + m + sigma e,  e ~ N(0, 1), reflected into [0, 1]
///                     d log p / dm = e / sigma,  d log p / d log sigma = e^2 - 1
///     choice:         p(j | i) = softmax_j(theta_j + kappa [j = i]),  i the parent's label
///                     d log p / d theta_l = [l = j] - p(l | i),  d log p / d kappa = [j = i] - p(i | i)
///
/// The reward of a clone is read off ordinary reports: after an interval, by how many ranks it is better
/// than its source, which went on from the same weights with the hyperparameters as they were,
///
///     r = (rank(source) - rank(clone)) / (K - 1)                equal losses share their mean rank
///     A = (r - b) / sqrt(v), at most 3 in size;  b += 0.1 (r - b);  v += 0.1 ((r - b)^2 - v)
///
/// and every parameter steps by rate A times the score of what was drawn; m and log sigma along the
/// natural gradient, rate A sigma e and rate A (e^2 - 1) / 2. At first m = 0, sigma is the mutation
/// scale, theta = 0, and kappa is such that a label is drawn anew with the algorithm's probability.
///
/// Source: Chen et al., 'Reinforced Evolutionary Neural Architecture Search', 2018 (arXiv 1808.00193):
/// an evolution whose mutation is drawn by a controller that REINFORCE trains. Their controller is a
/// recurrent network over architectures; here each parameter has a policy of its own. Score function
/// and baseline: Williams, 'Simple statistical gradient-following algorithms for connectionist
/// reinforcement learning', 1992; natural gradient of a normal distribution: Wierstra et al., 'Natural
/// Evolution Strategies', 2014.
struct MutationPolicy: Part {
    let learningRate: Double
    /// m and log sigma of each coordinate; of choices unused.
    var means: [Double]
    var logScales: [Double]
    /// theta of all choices, one after the other, and kappa of each.
    var labelLogits: [Double]
    var keepLogits: [Double]
    /// b and v.
    var baseline = 0.0
    var variance = 0.1
    /// What was drawn for each clone, until it is judged.
    var draws: [MutationDraw?] = []

    /// 0: clones stay as they are.
    private var scale = 0.0
    private var guided = GuidedTargets.all
    private var seed: UInt64 = 0

    static let options = ["mutation_scale", "teacher_learning_rate"]
    static let largestMean = 0.5
    static let logScaleRange = Elementary.log(1e-4)...0.0
    /// So that no probability becomes 0.
    static let largestLogit = 20.0
    static let largestAdvantage = 3.0
    /// The generator's normal numbers are within.
    static let largestDraw = 10.0

    init(
        space: SearchSpace, scale: Double, choiceProbability: Double, learningRate: Double
    ) {
        self.learningRate = learningRate
        means = Array(repeating: 0, count: space.dimension)
        let range = Self.logScaleRange
        let logScale = scale > 0 ? Self.clamp(Elementary.log(scale), range) : range.lowerBound
        logScales = Array(repeating: logScale, count: space.dimension)
        labelLogits = []
        keepLogits = []
        for choice in space.parameters where choice.kind == .choice {
            let labels = choice.labels.count
            labelLogits += Array(repeating: 0, count: labels)
            // Drawn anew with probability q: p(j | i) = q / L for j != i.
            let odds = 1 + Double(labels) * (1 - choiceProbability) / choiceProbability
            keepLogits.append(min(Elementary.log(odds), Self.largestLogit))
        }
    }

    init(_ setup: Setup, guided: GuidedTargets) {
        let options = setup.options
        self.init(
            space: setup.space, scale: options.mutationScale, choiceProbability: 0.25,
            learningRate: options.teacherLearningRate)
        draws = Array(repeating: nil, count: setup.students)
        scale = options.mutationScale
        self.guided = guided
        seed = setup.seed
    }

    private static func clamp(_ value: Double, _ range: ClosedRange<Double>) -> Double {
        min(max(value, range.lowerBound), range.upperBound)
    }

    /// A choice of the space and where its logits are.
    private struct Choice {
        let parameter: Hyperparameter
        let number: Int
        let labels: Range<Int>
    }

    private static func choices(of space: SearchSpace) -> [Choice] {
        var choices: [Choice] = []
        var offset = 0
        for parameter in space.parameters where parameter.kind == .choice {
            let labels = offset..<offset + parameter.labels.count
            choices.append(Choice(parameter: parameter, number: choices.count, labels: labels))
            offset = labels.upperBound
        }
        return choices
    }

    /// p(j | parent) of the choice whose logits are given.
    private func probabilities(_ choice: Choice, parent: Int) -> [Double] {
        var values = Array(labelLogits[choice.labels])
        values[parent] += keepLogits[choice.number]
        TeacherActivation.softmax.activate(&values)
        return values
    }

    /// p(j | parent) of a choice, by its number among the choices of the space.
    func probabilities(ofChoice number: Int, parent: Int, in space: SearchSpace) -> [Double] {
        probabilities(Self.choices(of: space)[number], parent: parent)
    }

    /// Moves a clone of `source`: the targets, which are real or integer, and the choices that may be
    /// mutated.
    func mutate(
        _ clone: inout Point, of source: Int, at targets: [MutationTarget], in space: SearchSpace,
        _ random: inout RandomStream
    ) -> MutationDraw {
        let parent = clone.natural
        var draws = Array(repeating: Double.nan, count: space.dimension)
        for target in targets {
            let index = target.index
            draws[index] = random.normal()
            let step = means[index] + Elementary.exp(logScales[index]) * draws[index]
            clone.mutate(
                toLatent: GaussianMutator.reflect(clone.latent[index] + step), at: index,
                of: space.parameters[target.parameter])
        }
        for choice in Self.choices(of: space) where choice.parameter.update.allowsMutation {
            let index = choice.parameter.offset
            let label = Self.draw(probabilities(choice, parent: Int(parent[index])), random.uniform())
            draws[index] = Double(label)
            clone.setNatural(Double(label), at: index, of: choice.parameter)
        }
        return MutationDraw(source: source, parent: parent, draws: draws)
    }

    private static func draw(_ probabilities: [Double], _ uniform: Double) -> Int {
        var rest = uniform
        for label in probabilities.indices.dropLast() {
            rest -= probabilities[label]
            if rest < 0 { return label }
        }
        return probabilities.count - 1
    }

    /// The derivatives of the log-probability of a draw with respect to the parameters of the policy.
    struct Score: Equatable {
        var means: [Double]
        var logScales: [Double]
        var labelLogits: [Double]
        var keepLogits: [Double]
    }

    func score(_ draw: MutationDraw, in space: SearchSpace) -> Score {
        var score = Score(
            means: Array(repeating: 0, count: means.count),
            logScales: Array(repeating: 0, count: means.count),
            labelLogits: Array(repeating: 0, count: labelLogits.count),
            keepLogits: Array(repeating: 0, count: keepLogits.count))
        for parameter in space.parameters where parameter.kind != .choice {
            for index in parameter.indices where !draw.draws[index].isNaN {
                let normal = draw.draws[index]
                score.means[index] = normal / Elementary.exp(logScales[index])
                score.logScales[index] = normal * normal - 1
            }
        }
        for choice in Self.choices(of: space) {
            let index = choice.parameter.offset
            if draw.draws[index].isNaN { continue }
            let parent = Int(draw.parent[index])
            let label = Int(draw.draws[index])
            let probabilities = probabilities(choice, parent: parent)
            for (other, place) in choice.labels.enumerated() {
                score.labelLogits[place] = (other == label ? 1 : 0) - probabilities[other]
            }
            score.keepLogits[choice.number] = (label == parent ? 1 : 0) - probabilities[parent]
        }
        return score
    }

    /// Learns from the draws of an exploit. All scores and advantages are those of the policy that drew
    /// them, so that their order is nothing.
    ///
    /// - Complexity: O(draws x (dimension + labels)).
    mutating func learn(_ lessons: [(draw: MutationDraw, reward: Double)], in space: SearchSpace) {
        let policy = self
        for (draw, reward) in lessons {
            let surprise = reward - policy.baseline
            let largest = Self.largestAdvantage
            let advantage = Self.clamp(
                surprise / (policy.variance.squareRoot() + 1e-12), -largest...largest)
            step(learningRate * advantage, along: policy.score(draw, in: space), of: policy)
            baseline += 0.1 * (reward - baseline)
            variance += 0.1 * (surprise * surprise - variance)
        }
    }

    private mutating func step(
        _ size: Double, along score: Score, of policy: MutationPolicy
    ) {
        let means = -Self.largestMean...Self.largestMean
        let logits = -Self.largestLogit...Self.largestLogit
        for index in score.means.indices where score.means[index] != 0 || score.logScales[index] != 0 {
            let scale = Elementary.exp(policy.logScales[index])
            self.means[index] = Self.clamp(
                self.means[index] + size * scale * scale * score.means[index], means)
            logScales[index] = Self.clamp(
                logScales[index] + size * score.logScales[index] / 2, Self.logScaleRange)
        }
        for index in score.labelLogits.indices {
            labelLogits[index] = Self.clamp(
                labelLogits[index] + size * score.labelLogits[index], logits)
        }
        for index in score.keepLogits.indices {
            keepLogits[index] = Self.clamp(keepLogits[index] + size * score.keepLogits[index], logits)
        }
    }

    mutating func judged(_ cohort: [Int], _ students: inout Students) {
        let drawn = cohort.compactMap { student in draws[student].map { (student, $0) } }
            // A source that has become a clone since is no judge of its own.
            .filter { students.losses[$1.source] != nil }
        for student in cohort { draws[student] = nil }
        guard !drawn.isEmpty else { return }
        let rewards = Self.rewards(
            drawn.map { (clone: $0, source: $1.source) },
            losses: (0..<students.count).map { students.loss($0) })
        learn(
            zip(drawn, rewards).compactMap { drawn, reward in
                reward.map { (draw: drawn.1, reward: $0) }
            }, in: students.space)
        for (student, _) in drawn { students.noteTaught(student, by: "policy") }
    }

    mutating func becameClone(_ student: Int, of source: Int, _ students: Students) {
        draws[student] = nil
    }

    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {
        guard scale > 0 else { return }
        for clone in clones {
            var random = RandomStream(
                seed: seed, purpose: .mutation, student: clone.student,
                event: students.reports[clone.student])
            var point = students.point(clone.student)
            draws[clone.student] = mutate(
                &point, of: clone.clone.source, at: students.mutationTargets(of: clone.student, guided),
                in: students.space, &random)
            students.place(clone.student, point, .mutation("policy"))
        }
    }

    mutating func grow(_ students: Students) {
        draws += Array(repeating: nil, count: students.count - draws.count)
    }

    /// By how many ranks each clone is better than its source, as a share of all; nil where neither has
    /// a finite loss.
    ///
    /// - Parameter losses: Lower is better.
    /// - Complexity: O(students log students).
    static func rewards(_ pairs: [(clone: Int, source: Int)], losses: [Double]) -> [Double?] {
        let ranking = Ranking.of(losses)
        var ranks = Array(repeating: 0.0, count: losses.count)
        var start = 0
        while start < ranking.count {
            var end = start + 1
            while end < ranking.count, losses[ranking[end]] == losses[ranking[start]] { end += 1 }
            for student in ranking[start..<end] { ranks[student] = Double(start + end - 1) / 2 }
            start = end
        }
        return pairs.map { clone, source in
            guard losses[clone].isFinite || losses[source].isFinite else { return nil }
            return (ranks[source] - ranks[clone]) / Double(max(losses.count - 1, 1))
        }
    }
}

extension MutationPolicy {
    func encode(into encoder: inout SnapshotEncoder) {
        encoder.put(means)
        encoder.put(logScales)
        encoder.put(labelLogits)
        encoder.put(keepLogits)
        encoder.put(baseline)
        encoder.put(variance)
        for draw in draws { encoder.put(draw) { $1.encode(into: &$0) } }
    }

    mutating func decode(_ decoder: inout SnapshotDecoder, _ students: Students) throws(HPMError) {
        let logits = -Self.largestLogit...Self.largestLogit
        means = try decoder.doubles(
            count: means.count, in: -Self.largestMean...Self.largestMean, "the policy's means")
        logScales = try decoder.doubles(
            count: logScales.count, in: Self.logScaleRange, "the policy's scales")
        labelLogits = try decoder.doubles(count: labelLogits.count, in: logits, "the policy's labels")
        keepLogits = try decoder.doubles(count: keepLogits.count, in: logits, "the policy's labels")
        baseline = try decoder.double(in: -1...1, "a baseline")
        variance = try decoder.double(in: 0...4, "a variance")
        for student in draws.indices {
            draws[student] = try decoder.optional { (decoder) throws(HPMError) in
                try MutationDraw(&decoder, students: students.count, in: students.space)
            }
        }
    }
}
