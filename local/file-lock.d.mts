// The types of file-lock.mjs.
export type LockHolder = { readonly pid: number; readonly startMark: string }
export type HeldLock = { readonly release: () => void }

export function readStartMark(pid: number): string | undefined
export function findLockHolder(path: string): LockHolder | undefined
export function tryLock(path: string): HeldLock | { readonly holder: LockHolder }
export function lock(path: string, onWait: (holder: LockHolder) => void): Promise<HeldLock>
