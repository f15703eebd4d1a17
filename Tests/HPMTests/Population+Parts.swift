@testable import HPM

/// The parts of a population by name, as tests look at them; nil where its algorithm has none.
extension Population {
    private func part<Found: Part>(_: Found.Type) -> Found? {
        (strategy as? GuidedPopulation)?.parts.lazy.compactMap { $0 as? Found }.first
    }

    var descent: Descent? { part(Descent.self) }
    var pooledDescent: PooledDescent? { part(PooledDescent.self) }
    var teacherPart: TeacherPart? { part(TeacherPart.self) }
    var teacher: Teacher? { teacherPart?.teacher }
    var policy: MutationPolicy? { part(MutationPolicy.self) }
    var bandit: PopulationBandit? { part(PopulationBandit.self) }
    var bayesianTrials: BayesianTrials? { (strategy as? Trials)?.proposals as? BayesianTrials }
    var search: MemeticSearch? { strategy as? MemeticSearch }
    /// The moments of hyper-training, pooled or not.
    var adam: Adam? { pooledDescent?.adam ?? descent?.adam }

    var losses: [Double?] { students.losses }

    /// The action of the present round: that of every student that has a task in it.
    var roundAction: Action { cohort.first.map { tasks[$0].action } ?? .wait }

    /// Sets what a teacher remembers of the present exploit.
    mutating func restoreRanking(_ ranking: [Int]) {
        guard var guided = strategy as? GuidedPopulation else { return }
        for index in guided.parts.indices {
            guard var teacher = guided.parts[index] as? TeacherPart else { continue }
            teacher.restore(ranking: ranking, lessons: Array(repeating: nil, count: size))
            guided.parts[index] = teacher
        }
        strategy = guided
    }
}
