import HPM

/// The findings of a check for C code, with the texts that they point to.
final class FindingList {
    let findings: [hpm_finding]
    private let texts: [CText]

    init(_ found: [CallbackFinding]) {
        var texts: [CText] = []
        func pointer(_ text: String?) -> UnsafePointer<CChar>? {
            guard let text else { return nil }
            let kept = CText(text)
            texts.append(kept)
            return kept.pointer
        }
        findings = found.map {
            hpm_finding(
                size: 0, verdict: $0.verdict.rawValue, reason: $0.reason.rawValue,
                callback: pointer($0.callback), other: pointer($0.other), error: $0.error,
                tolerance: $0.tolerance, sentence: pointer($0.words))
        }
        self.texts = texts
    }
}
