import { resolve } from 'node:path';

// What is installed lies above this folder.
export default { turbopack: { root: resolve('../../..') } };
