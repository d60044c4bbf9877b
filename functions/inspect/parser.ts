// The program that inspects one document and ends. What runs here may be taken over by what it reads, so it is given nothing
// else: spawn-parser.ts sees to that.
import { inspectDocument } from './inspect-document.ts'
import { serveDocument } from './serve-document.ts'

await serveDocument(inspectDocument)
