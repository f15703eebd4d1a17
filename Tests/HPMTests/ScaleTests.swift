import Testing
@testable import HPM
