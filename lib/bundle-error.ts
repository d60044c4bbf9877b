// What is told of a function that cannot be bundled. Who bundles, and what goes wrong there, is not known here.

/** A function that cannot be bundled. The message names what was expected, what was got, and what to do. */
export class BundleError extends Error {
  override readonly name = 'BundleError'
}
