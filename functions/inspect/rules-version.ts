// Which rules a document is judged by. It is raised with every change after which some document could be judged otherwise,
// also by another version of a decoder: a verdict is stored with it, and is explained by it.
export const rulesVersion = '13'
