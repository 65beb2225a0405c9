import { readdirSync } from 'node:fs'
import { defineConfig } from 'oxlint'
import { below, doors, onNode, siblings } from './tools/layers.ts'

const ambient = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'process',
  'crypto',
  'globalThis',
  'fetch',
  'console',
  'Buffer',
]

// An override replaces the base rule, it does not extend it: every folder's list is written out whole.
const borders = (folder: string, subject: string | undefined, mayNamePackages: boolean) => [
  'error',
  {
    patterns: [
      { regex: '^\\.\\./', message: 'use ./ inside a folder and #folder/ across one' },
      {
        group: [
          '#*/**',
          ...(below[folder] ?? []).map((name) => `!#${name}/**`),
          ...(subject === undefined ? [] : [`!#${folder}/${subject}/**`]),
        ],
        message: `${folder} may import only: ${below[folder]?.join(', ') || 'nothing'}`,
      },
      ...(mayNamePackages
        ? []
        : [{ regex: '^[a-z@]', message: `${folder} names no package and no node: module` }]),
    ],
  },
]

const purity = (folder: string) =>
  onNode.includes(folder)
    ? {}
    : {
        'no-restricted-globals': ['error', ...ambient],
        'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
      }

const folders = Object.keys(below).flatMap((folder) => {
  const files = siblings.includes(folder)
    ? readdirSync(`src/${folder}`, { withFileTypes: true }).flatMap((d) => (d.isDirectory() ? [d.name] : []))
    : [undefined]
  return files.map((subject) => ({
    files: [subject === undefined ? `src/${folder}/**/*.ts` : `src/${folder}/${subject}/**/*.ts`],
    excludeFiles: ['**/*.test.ts', '**/*.contract.ts', '**/testing/**'],
    rules: { 'no-restricted-imports': borders(folder, subject, onNode.includes(folder)), ...purity(folder) },
  }))
})

export default defineConfig({
  plugins: ['typescript', 'import'],
  categories: { correctness: 'error' },
  ignorePatterns: ['src/wire/gen/**', 'evm-core/**', 'node_modules/**'],
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-explicit-any': 'error',
    // Our objects of functions are made of closures, not of methods that need `this`.
    'typescript/unbound-method': 'off',
    'typescript/restrict-template-expressions': 'off',
    'typescript/no-base-to-string': 'off',
    'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
  },
  overrides: [
    { files: ['oxlint.config.ts'], rules: { 'import/no-default-export': 'off' } },
    {
      files: ['test/**/*.ts', '**/*.test.ts', '**/*.contract.ts'],
      rules: { 'typescript/no-floating-promises': 'off' },
    },
    ...folders,
    ...Object.keys(doors).map((file) => ({
      files: [file],
      rules: { 'no-restricted-imports': borders(file.split('/')[1] ?? '', undefined, true) },
    })),
  ],
} as never)
