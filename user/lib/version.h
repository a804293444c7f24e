/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OSC_LIB_VERSION_H
#define OSC_LIB_VERSION_H

#define OSC_VERSION "0.1.0"

#endif
