import HPM

/// A search space: the hyperparameters that a population tunes, with their bounds and scales.
public typealias hpm_space = OpaquePointer

/// How a bounded parameter is mapped to the latent coordinate u in [0, 1] in which it is moved.
public typealias hpm_scale = Int32
/// low + u (high - low).
public let HPM_SCALE_LINEAR: hpm_scale = 0
/// low (high / low)^u; low must be above 0. For values that span orders of magnitude.
public let HPM_SCALE_LOG: hpm_scale = 1
/// The logistic function of a linear map; bounds inside (0, 1). For rates close to 0 or 1.
public let HPM_SCALE_LOGIT: hpm_scale = 2

/// Who may move a hyperparameter, where the algorithm has such moves.
public typealias hpm_update = Int32
/// The algorithm decides (the default).
public let HPM_UPDATE_AUTO: hpm_update = 0
/// Mutation alone moves it.
public let HPM_UPDATE_MUTATE: hpm_update = 1
/// Hyper-training alone moves it, along its hypergradient.
public let HPM_UPDATE_HYPERGRADIENT: hpm_update = 2
/// Both move it.
public let HPM_UPDATE_BOTH: hpm_update = 3
/// Nothing does: it keeps its starting value, `initial` for student 0, a drawn one for the others.
public let HPM_UPDATE_FIXED: hpm_update = 4

/// What a hyperparameter is to the training, where that is something an algorithm can use.
public typealias hpm_role = Int32
/// Anything (the default).
public let HPM_ROLE_OTHER: hpm_role = 0
/// A learning rate of the weights: over the last part of a run whose option `steps` says how long it is, students are
/// given less and less of it (option `cool_down`).
public let HPM_ROLE_LEARNING_RATE: hpm_role = 1

/// What a hyperparameter is.
public typealias hpm_kind = Int32
/// A real number: ``hpm_space_add_real``.
public let HPM_KIND_REAL: hpm_kind = 0
/// A whole number: ``hpm_space_add_integer``.
public let HPM_KIND_INTEGER: hpm_kind = 1
/// One of several labels: ``hpm_space_add_choice``.
public let HPM_KIND_CHOICE: hpm_kind = 2
/// Real numbers that share bounds and scale: ``hpm_space_add_block``.
public let HPM_KIND_BLOCK: hpm_kind = 3

/// Creates a search space without parameters.
///
/// - Parameter out: Receives the space.
/// - Returns: `HPM_OK`, or `HPM_ERROR_ARGUMENT` where `out` is NULL.
/// - Ownership: The caller's, until ``hpm_space_destroy``.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_create")
public func hpm_space_create(_ out: UnsafeMutablePointer<hpm_space?>?) -> hpm_status {
    attempt { () throws(HPMError) in
        let out = try require(out, "out")
        out.pointee = try Handles.insert(SearchSpace())
    }
}

/// Destroys a space. Populations that were made from it keep their copy.
///
/// - Parameter space: The space; NULL does nothing.
/// - Returns: `HPM_OK`, or `HPM_ERROR_HANDLE` where it is no living space.
/// - Thread safety: Any thread; a call that is under way on the handle ends unharmed.
/// - Complexity: O(parameters).
/// - Since: 0.1
@_cdecl("hpm_space_destroy")
public func hpm_space_destroy(_ space: hpm_space?) -> hpm_status {
    destroy(space, SearchSpace.self)
}

/// Adds a real hyperparameter.
///
/// - Parameters:
///   - space: The space.
///   - name: UTF-8, not empty, not taken; copied.
///   - low: The lower bound, in natural units, finite. Above 0 for `HPM_SCALE_LOG` and
///     `HPM_SCALE_LOGIT`.
///   - high: The upper bound, finite, above `low`. Below 1 for `HPM_SCALE_LOGIT`.
///   - scale: `HPM_SCALE_LINEAR`, `HPM_SCALE_LOG` or `HPM_SCALE_LOGIT`.
///   - initial: Where student 0 starts, within the bounds; NaN: drawn, as for all other students
///     (``hpm_student_set_initial`` sets any student's).
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1), amortised.
/// - Since: 0.1
@_cdecl("hpm_space_add_real")
public func hpm_space_add_real(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ low: Double, _ high: Double,
    _ scale: hpm_scale, _ initial: Double
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        try space.addReal(
            try string(name, "name"), low: low, high: high, scale: try scaleNamed(scale),
            initial: initial.isNaN ? nil : initial)
    }
}

/// Adds an integer hyperparameter. It is mutated, never moved along a hypergradient.
///
/// - Parameters:
///   - space: The space.
///   - name: UTF-8, not empty, not taken; copied.
///   - low: The smallest value: whole, no further from 0 than 2^53. At least 1 for `HPM_SCALE_LOG`.
///   - high: The largest value, likewise, above `low`.
///   - scale: `HPM_SCALE_LINEAR` or `HPM_SCALE_LOG`.
///   - initial: Where student 0 starts, whole and within the bounds; NaN: drawn.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1), amortised.
/// - Since: 0.1
@_cdecl("hpm_space_add_integer")
public func hpm_space_add_integer(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ low: Double, _ high: Double,
    _ scale: hpm_scale, _ initial: Double
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        try space.addInteger(
            try string(name, "name"), low: low, high: high, scale: try scaleNamed(scale),
            initial: initial.isNaN ? nil : initial)
    }
}

/// Adds a choice among labels. Its value is the index of a label. It is mutated, never moved along
/// a hypergradient.
///
/// - Parameters:
///   - space: The space.
///   - name: UTF-8, not empty, not taken; copied.
///   - labels: Array of `count` strings, UTF-8, not empty, no two alike; copied.
///   - count: The number of labels, at least 2.
///   - initial: The index where student 0 starts, below `count`; -1: drawn.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(count).
/// - Since: 0.1
@_cdecl("hpm_space_add_choice")
public func hpm_space_add_choice(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?,
    _ labels: UnsafePointer<UnsafePointer<CChar>?>?, _ count: UInt, _ initial: Int64
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let name = try string(name, "name")
        let labels = try require(labels, "labels")
        var copies: [String] = []
        for index in 0..<(try integer(count, "count")) {
            copies.append(try string(labels[index], "labels[\(index)]"))
        }
        if initial < -1 {
            throw HPMError(
                .argument, "initial of '\(name)' is \(initial); allowed: -1 (drawn) or an index")
        }
        try space.addChoice(name, labels: copies, initial: initial == -1 ? nil : Int(initial))
    }
}

/// Adds a block: `count` real hyperparameters that share bounds and scale, such as a weight for
/// each training example. They take `count` places in the hyperparameter arrays.
///
/// - Parameters:
///   - space: The space.
///   - name: UTF-8, not empty, not taken; copied. The block's one name.
///   - count: The number of parameters, at least 1.
///   - low: As for ``hpm_space_add_real``.
///   - high: As for ``hpm_space_add_real``.
///   - scale: As for ``hpm_space_add_real``.
///   - initial: Where all of them start at student 0, within the bounds; NaN: each is drawn.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT`, `HPM_ERROR_MEMORY` (a dimension beyond any memory) or
///   `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1), amortised: a block takes no memory for each parameter until a population is
///   made.
/// - Since: 0.1
@_cdecl("hpm_space_add_block")
public func hpm_space_add_block(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ count: UInt, _ low: Double,
    _ high: Double, _ scale: hpm_scale, _ initial: Double
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        try space.addBlock(
            try string(name, "name"), count: try integer(count, "count"), low: low, high: high,
            scale: try scaleNamed(scale), initial: initial.isNaN ? nil : initial)
    }
}

/// Says who may move a parameter or block.
///
/// - Parameters:
///   - space: The space.
///   - name: A name that was added.
///   - update: `HPM_UPDATE_AUTO`, `_MUTATE`, `_HYPERGRADIENT`, `_BOTH` or `_FIXED`. An integer or a
///     choice can't have `_HYPERGRADIENT` or `_BOTH`.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_set_update")
public func hpm_space_set_update(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ update: hpm_update
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let name = try string(name, "name")
        guard let value = Update(rawValue: update) else {
            throw HPMError(
                .argument,
                "update of '\(name)' is \(update); allowed: HPM_UPDATE_AUTO, _MUTATE, _HYPERGRADIENT, _BOTH, _FIXED (0 to 4)")
        }
        try space.setUpdate(value, of: name)
    }
}

/// Says what a parameter or block is to the training.
///
/// What ``hpm_student_next`` answers for training and evaluations is then the learning rate after the cool-down:
/// times a factor that falls linearly from 1 over the last share `cool_down` of `steps`, and never below the lower
/// bound. What the population holds, mutates and answers elsewhere stays as it is. A hypergradient is that at the
/// value that was given.
///
/// - Parameters:
///   - space: The space.
///   - name: A name that was added.
///   - role: `HPM_ROLE_OTHER` or `HPM_ROLE_LEARNING_RATE`; the second of a real parameter or block alone that is never
///     negative.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_set_role")
public func hpm_space_set_role(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ role: hpm_role
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let name = try string(name, "name")
        guard let value = Role(rawValue: role) else {
            throw HPMError(
                .argument,
                "role of '\(name)' is \(role); allowed: HPM_ROLE_OTHER, HPM_ROLE_LEARNING_RATE (0 and 1)")
        }
        try space.setRole(value, of: name)
    }
}

/// What a parameter or block is to the training.
///
/// - Parameters:
///   - space: The space.
///   - name: A name that was added.
///   - role: Receives the role.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_role")
public func hpm_space_role(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ role: UnsafeMutablePointer<hpm_role>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let role = try require(role, "role")
        role.pointee = try space.parameter(named: try string(name, "name")).role.rawValue
    }
}

/// The number of hyperparameters, each member of a block counted: the length of the arrays of
/// hyperparameters and hypergradients.
///
/// - Parameters:
///   - space: The space.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_dimension")
public func hpm_space_dimension(
    _ space: hpm_space?, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        try require(out, "out").pointee = UInt(space.dimension)
    }
}

/// Where a parameter or block lies in the arrays of hyperparameters.
///
/// - Parameters:
///   - space: The space.
///   - name: A name that was added.
///   - offset: Receives the index of its first value.
///   - count: Receives the number of its values: 1, or the block's count.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_offset")
public func hpm_space_offset(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ offset: UnsafeMutablePointer<UInt>?,
    _ count: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let offset = try require(offset, "offset")
        let count = try require(count, "count")
        let parameter = try space.parameter(named: try string(name, "name"))
        offset.pointee = UInt(parameter.offset)
        count.pointee = UInt(parameter.count)
    }
}

/// The number of names in a space: parameters, a block counted once.
///
/// - Parameters:
///   - space: The space.
///   - out: Receives the number.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_count")
public func hpm_space_count(
    _ space: hpm_space?, _ out: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        try require(out, "out").pointee = UInt(space.parameters.count)
    }
}

/// The name of a parameter or block, in the order in which they were added.
///
/// - Parameters:
///   - space: The space.
///   - index: Below the number that ``hpm_space_count`` answers.
///   - out: Array of `capacity` bytes that receives the name, NUL-terminated. NULL: the size alone.
///   - capacity: Its size in bytes; 0 where `out` is NULL.
///   - needed: Receives the size in bytes that the name takes, the NUL counted.
/// - Returns: `HPM_OK`, `HPM_ERROR_CAPACITY`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(length of the name).
/// - Since: 0.1
@_cdecl("hpm_space_name")
public func hpm_space_name(
    _ space: hpm_space?, _ index: UInt, _ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt,
    _ needed: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let needed = try require(needed, "needed")
        guard index < UInt(space.parameters.count) else {
            throw HPMError(
                .argument, "index is \(index); allowed: below \(space.parameters.count), the number of parameters")
        }
        try copy(space.parameters[Int(index)].name, to: out, capacity, needed)
    }
}

/// What a parameter or block is: what it was added with.
///
/// - Parameters:
///   - space: The space.
///   - name: A name that was added.
///   - kind: Receives the kind. May be NULL.
///   - low: Receives the lower bound; 0 for a choice. May be NULL.
///   - high: Receives the upper bound; the last index for a choice. May be NULL.
///   - scale: Receives the scale; `HPM_SCALE_LINEAR` for a choice. May be NULL.
///   - initial: Receives where student 0 starts; NaN: drawn. May be NULL.
///   - update: Receives who may move it. May be NULL.
/// - Returns: `HPM_OK`, `HPM_ERROR_ARGUMENT` or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(1).
/// - Since: 0.1
@_cdecl("hpm_space_describe")
public func hpm_space_describe(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ kind: UnsafeMutablePointer<hpm_kind>?,
    _ low: UnsafeMutablePointer<Double>?, _ high: UnsafeMutablePointer<Double>?,
    _ scale: UnsafeMutablePointer<hpm_scale>?, _ initial: UnsafeMutablePointer<Double>?,
    _ update: UnsafeMutablePointer<hpm_update>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let parameter = try space.parameter(named: try string(name, "name"))
        kind?.pointee = Int32(parameter.kind.rawValue)
        low?.pointee = parameter.low
        high?.pointee = parameter.high
        scale?.pointee = parameter.scale.rawValue
        initial?.pointee = parameter.initial ?? .nan
        update?.pointee = parameter.update.rawValue
    }
}

/// The label of a choice.
///
/// - Parameters:
///   - space: The space.
///   - name: The name of a choice.
///   - index: Which label, from 0.
///   - out: Array of `capacity` bytes that receives the label, NUL-terminated. NULL: the size
///     alone. May be NULL.
///   - capacity: Its size in bytes; 0 where `out` is NULL.
///   - needed: Receives the size in bytes that the label takes, the NUL counted.
/// - Returns: `HPM_OK`, `HPM_ERROR_CAPACITY`, `HPM_ERROR_ARGUMENT` (also where the parameter is no
///   choice, or has no such label) or `HPM_ERROR_HANDLE`.
/// - Thread safety: Any thread.
/// - Complexity: O(length of the label).
/// - Since: 0.1
@_cdecl("hpm_space_label")
public func hpm_space_label(
    _ space: hpm_space?, _ name: UnsafePointer<CChar>?, _ index: UInt,
    _ out: UnsafeMutablePointer<CChar>?, _ capacity: UInt, _ needed: UnsafeMutablePointer<UInt>?
) -> hpm_status {
    edit(space, SearchSpace.self) { (space) throws(HPMError) in
        let needed = try require(needed, "needed")
        let parameter = try space.parameter(named: try string(name, "name"))
        guard index < UInt(parameter.labels.count) else {
            throw HPMError(
                .argument,
                parameter.labels.isEmpty
                    ? "'\(parameter.name)' is no choice, it has no labels"
                    : "index is \(index); allowed: below \(parameter.labels.count), the number of labels of '\(parameter.name)'")
        }
        try copy(parameter.labels[Int(index)], to: out, capacity, needed)
    }
}
