// The types of orphans.mjs.
export type ListedProcess = { readonly pid: number; readonly group: number; readonly command: string }

export function endOrphans(stateFolder: string): Promise<string[]>
export function listProcesses(): ListedProcess[]
export function sendSignal(pid: number, signal: NodeJS.Signals): void
