// The types of reset.mjs.
export function reset(root: string, programArguments: readonly string[]): Promise<number>
export function clean(root: string): number
