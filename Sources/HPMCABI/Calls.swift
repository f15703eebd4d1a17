import HPM

/// Runs the body of an exported function: what it throws becomes a status and a sentence.
@inline(__always)
func attempt(_ body: () throws(HPMError) -> Void) -> hpm_status {
    do throws(HPMError) {
        try body()
        return HPM_OK
    } catch {
        ThreadState.current.setError(error.message, missingCallback: error.missingCallback ?? "")
        return error.code.rawValue
    }
}

/// As ``attempt(_:)``, of a body that succeeds with a status of its own, such as `HPM_OBSERVER`.
@inline(__always)
func outcome(_ body: () throws(HPMError) -> hpm_status) -> hpm_status {
    var outcome = HPM_OK
    let status = attempt { () throws(HPMError) in outcome = try body() }
    return status == HPM_OK ? outcome : status
}

/// Works on the value of a handle, alone.
@inline(__always)
func edit<Value: HandleValue>(
    _ handle: OpaquePointer?, _: Value.Type, _ body: (inout Value) throws(HPMError) -> Void
) -> hpm_status {
    attempt { () throws(HPMError) in
        try Handles.with(handle, Value.self) { (object) throws(HPMError) in
            try object.state.withLock { (value) throws(HPMError) in try body(&value) }
        }
    }
}

/// Reads a population, also while ``hpm_population_run`` drives it.
@inline(__always)
func read(
    _ population: hpm_population?, _ body: (Population) throws(HPMError) -> Void
) -> hpm_status {
    edit(population, DrivenPopulation.self) { (driven) throws(HPMError) in
        try body(driven.population)
    }
}

/// Changes a population: every input goes through here.
///
/// - Parameters:
///   - function: The caller, which is refused while ``hpm_population_run`` drives the population; nil: it is not.
///   - inputs: What the call is made of.
///   - answer: What it hands back, read once the inputs are applied.
@inline(__always)
func change(
    _ population: hpm_population?, _ function: StaticString? = nil,
    _ inputs: (Population) throws(HPMError) -> Inputs,
    _ answer: (Population) -> Void = { _ in }
) -> hpm_status {
    outcome { () throws(HPMError) in
        try Handles.with(population, DrivenPopulation.self) { (object) throws(HPMError) in
            try object.change(function, inputs, answer)
        }
    }
}

func destroy<Value: HandleValue>(_ handle: OpaquePointer?, _: Value.Type) -> hpm_status {
    if handle == nil { return HPM_OK }
    return attempt { () throws(HPMError) in try Handles.remove(handle, Value.self) }
}

/// A copy of the options of a handle; the defaults for NULL.
func optionsOrDefaults(_ handle: hpm_options?) throws(HPMError) -> Options {
    guard handle != nil else { return Options() }
    return try Handles.find(handle, Options.self).state.withLock { $0 }
}
