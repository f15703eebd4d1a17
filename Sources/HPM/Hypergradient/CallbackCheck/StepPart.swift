/// By what a step is differentiated. The two parts are checked apart: the larger would hide the smaller.
enum StepPart: String, CaseIterable {
    case w, h

    var words: String { "its part of \(rawValue) along a direction" }
}
