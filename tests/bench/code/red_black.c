/* SPDX-License-Identifier: GPL-2.0-or-later
   red_black N ROUNDS: N insertions into a red-black tree (with parent pointers), N look-ups, a walk in order. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct node {
    uint64_t key;
    struct node *left, *right, *parent;
    bool red;
};

struct tree {
    struct node *root;
};

/* Hang `y` where `x` is. */
static void replace(struct tree *tree, struct node *x, struct node *y)
{
    struct node *parent = x->parent;
    y->parent = parent;
    if (!parent)
        tree->root = y;
    else if (parent->left == x)
        parent->left = y;
    else
        parent->right = y;
}

static void rotate_left(struct tree *tree, struct node *x)
{
    struct node *y = x->right;
    if (!y)
        return;
    struct node *inner = y->left;
    x->right = inner;
    if (inner)
        inner->parent = x;
    replace(tree, x, y);
    y->left = x;
    x->parent = y;
}

static void rotate_right(struct tree *tree, struct node *x)
{
    struct node *y = x->left;
    if (!y)
        return;
    struct node *inner = y->right;
    x->left = inner;
    if (inner)
        inner->parent = x;
    replace(tree, x, y);
    y->right = x;
    x->parent = y;
}

static void balance(struct tree *tree, struct node *node)
{
    for (;;) {
        struct node *parent = node->parent;
        if (!parent) {
            node->red = false;
            return;
        }
        if (!parent->red)
            return;
        struct node *above = parent->parent;
        if (!above)
            return;
        if (above->left == parent) {
            struct node *uncle = above->right;
            if (uncle && uncle->red) {
                parent->red = false;
                uncle->red = false;
                above->red = true;
                node = above;
                continue;
            }
            if (parent->right == node) {
                rotate_left(tree, parent);
                parent = node;
            }
            parent->red = false;
            above->red = true;
            rotate_right(tree, above);
            return;
        }
        struct node *uncle = above->left;
        if (uncle && uncle->red) {
            parent->red = false;
            uncle->red = false;
            above->red = true;
            node = above;
            continue;
        }
        if (parent->left == node) {
            rotate_right(tree, parent);
            parent = node;
        }
        parent->red = false;
        above->red = true;
        rotate_left(tree, above);
        return;
    }
}

static bool insert(struct tree *tree, struct node *node)
{
    struct node *at = tree->root, *parent = NULL;
    bool smaller = false;
    while (at) {
        if (node->key == at->key)
            return false;
        parent = at;
        smaller = node->key < at->key;
        at = smaller ? at->left : at->right;
    }
    node->parent = parent;
    node->left = NULL;
    node->right = NULL;
    node->red = true;
    if (!parent)
        tree->root = node;
    else if (smaller)
        parent->left = node;
    else
        parent->right = node;
    balance(tree, node);
    return true;
}

static bool contains(const struct tree *tree, uint64_t key)
{
    const struct node *at = tree->root;
    while (at) {
        if (key == at->key)
            return true;
        at = key < at->key ? at->left : at->right;
    }
    return false;
}

static struct node *first(const struct tree *tree)
{
    struct node *at = tree->root;
    while (at && at->left)
        at = at->left;
    return at;
}

/* The next in order. */
static struct node *following(struct node *node)
{
    struct node *at = node->right;
    if (at) {
        while (at->left)
            at = at->left;
        return at;
    }
    struct node *parent = node->parent;
    while (parent && parent->right == node) {
        node = parent;
        parent = parent->parent;
    }
    return parent;
}

static uint64_t one_round(struct tree *tree, struct node *nodes, uint64_t count, uint64_t state)
{
    tree->root = NULL;
    uint64_t x = state, check = 0;
    for (uint64_t i = 0; i < count; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        nodes[i].key = x >> 40;
        if (insert(tree, &nodes[i]))
            check++;
    }
    for (uint64_t i = 0; i < count; i++)
        if (contains(tree, i * 16))
            check += 3;
    for (struct node *at = first(tree); at; at = following(at))
        check = check * 31 + at->key;
    return check;
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t n = strtoull(argv[1], NULL, 10), rounds = strtoull(argv[2], NULL, 10);
    struct node *nodes = calloc(n, sizeof *nodes);
    struct tree tree = { NULL };
    uint64_t check = 88172645463325252u;
    for (uint64_t r = 0; r < rounds; r++)
        check = one_round(&tree, nodes, n, check | 1);
    printf("%" PRIu64 "\n", check);
    return 0;
}
