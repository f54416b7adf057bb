/** `npm run bench:claims`: the single figures that ARCHITECTURE.md gives as reasons. */
for (const name of ['threads', 'crossing', 'signing', 'commits']) await import(`./claims/${name}.ts`)
