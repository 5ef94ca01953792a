/* SPDX-License-Identifier: Apache-2.0 */
/* The page's style and script: all that is not made for each request. */
#ifndef PAGE_ASSETS_H
#define PAGE_ASSETS_H

extern const char asset_style[];
extern const char asset_script[];

#endif
