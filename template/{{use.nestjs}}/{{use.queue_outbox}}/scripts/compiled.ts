/** Lets a script import what `make build` has compiled, because Node cannot run decorators: `node --import FILE`. */

import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^\.\.\/src\/(.+)\.ts$/, '../dist/$1.js'), context),
});
