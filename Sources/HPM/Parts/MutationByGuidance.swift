/// One mutation for populations whose reports hold hypergradients, another for those whose reports never did: who has
/// no slope to follow has to look further than who only leaves a valley now and then.
struct MutationByGuidance: Part {
    var guided: RandomMutation
    var unguided: RandomMutation

    mutating func mutate(_ clones: [PlacedClone], _ students: inout Students) {
        if students.areGuided {
            guided.mutate(clones, &students)
        } else {
            unguided.mutate(clones, &students)
        }
    }
}
