#!/usr/bin/env node
'use strict';

var path = require('path');

require('./launch.cjs')(path.join(__dirname, '..', 'src', 'cli', 'main.ts'), process.argv.slice(2));
