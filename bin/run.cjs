#!/usr/bin/env node
'use strict';

// node bin/run.cjs FILE [ARGUMENT...]: runs a TypeScript file of this repository, from any Node.

var path = require('path');

if (process.argv.length < 3) {
  console.error('usage: node bin/run.cjs FILE [ARGUMENT...]');
  process.exit(2);
}
require('./launch.cjs')(path.resolve(process.argv[2]), process.argv.slice(3));
